"""The command line of `sdxl.mini`."""

from __future__ import annotations

from typing import Annotated

import tyro

from ambient.runs.console import run
from sdxl.mini.options import GetMini, JudgeMini, TrainMini

subcommand = tyro.conf.subcommand
Command = (
    Annotated[TrainMini, subcommand("train")]
    | Annotated[GetMini, subcommand("get")]
    | Annotated[JudgeMini, subcommand("judge")]
)


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(Command, _work, prog="python -m sdxl.mini")


def _work(options: TrainMini | GetMini | JudgeMini) -> None:
    if isinstance(options, TrainMini):
        _train(options)
    elif isinstance(options, GetMini):
        _get(options)
    else:
        _judge(options)


def _train(options: TrainMini) -> None:
    from sdxl.mini.images import load_members
    from sdxl.mini.training import train_mini

    members = load_members(options.data, options.images, options.seed)
    train_mini(options, members)
    print(f"Trained on {len(members.index)} images; {len(members.unseen) + len(members.test)} were never seen")
    print(f"Results: {options.output}  (a pipeline; README.md, members.json, training/)")


def _get(options: GetMini) -> None:
    from sdxl.mini.shipped import get

    get(options.output)
    print(f"Results: {options.output}  (a pipeline; README.md, members.json)")


def _judge(options: JudgeMini) -> None:
    from sdxl.mini.judging import judge

    print(judge(options))
    print(f"Results: {options.output}  (quality.json, samples.png)")
