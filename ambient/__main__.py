"""`python -m ambient`: the commands for people's own images; see `--help`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import tyro

from ambient.commands.audit import AuditOptions
from ambient.commands.estimate import Estimate
from ambient.commands.example import Example
from ambient.commands.export import Export
from ambient.commands.restore import Restore
from ambient.commands.sample import Sample
from ambient.commands.train import Train
from ambient.runs import option_files
from ambient.runs.console import run

subcommand = tyro.conf.subcommand
Command = (
    Annotated[Estimate, subcommand("estimate")]
    | Annotated[Train, subcommand("train")]
    | Annotated[Sample, subcommand("sample")]
    | Annotated[Restore, subcommand("restore")]
    | Annotated[AuditOptions, subcommand("audit")]
    | Annotated[Export, subcommand("export")]
    | Annotated[Example, subcommand("example")]
)


def main() -> int:
    """Run the command line; returns the exit status. Without arguments it lists the commands."""
    arguments = sys.argv[1:] or ["--help"]
    script = Path(sys.argv[0]).stem == "ambient"
    return run(
        Command,
        _work,
        arguments,
        prog="ambient" if script else "python -m ambient",
        default=lambda: _configured(arguments),
    )


def _configured(arguments: list[str]) -> Train | None:
    """The options of `train` that a file gives, if it is named."""
    path = option_files.named_in(arguments) if arguments[0] == "train" else None
    return None if path is None else option_files.defaults(Train, path)


def _work(options: object) -> int | None:
    """The work of a command is the function `run` of the module of its options."""
    result: int | None = import_module(type(options).__module__).run(options)
    return result


if __name__ == "__main__":
    sys.exit(main())
