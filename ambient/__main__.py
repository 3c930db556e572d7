"""`python -m ambient`: the commands for people's own images; see `--help`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import tyro

from ambient.commands.audit import AuditOptions
from ambient.commands.estimate import Estimate
from ambient.commands.example import Example
from ambient.commands.export import Export
from ambient.commands.restore import Restore
from ambient.commands.sample import Sample
from ambient.commands.train import Train
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
    """Run the command line; returns the exit status."""
    return run(Command, _work, prog="python -m ambient")


def _work(options: object) -> int | None:
    """The work of a command is the function `run` of the module of its options."""
    result: int | None = import_module(type(options).__module__).run(options)
    return result


if __name__ == "__main__":
    sys.exit(main())
