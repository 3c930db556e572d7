"""What every command line of this package does: parse, run, and turn an expected failure into one clear line."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import tyro
from rich.console import Console
from rich.text import Text

_EXPECTED = (ValueError, RuntimeError, OSError, ArithmeticError, ImportError)


def run(options: type[Any], work: Callable[[Any], None]) -> int:
    """Parse `options` from the command line and call `work` with them; returns the exit status."""
    parsed = tyro.cli(options, config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff))
    warnings.showwarning = _in_one_line
    try:
        work(parsed)
    except KeyboardInterrupt:
        Console(stderr=True).print("\nStopped. Run the same command again to go on.")
        return 130
    except _EXPECTED as error:
        _say("[red]error:[/red]", error)
        return 1
    return 0


def _in_one_line(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if not issubclass(category, FutureWarning | DeprecationWarning):
        _say("[yellow]warning:[/yellow]", message)


def _say(label: str, message: object) -> None:
    Console(stderr=True, soft_wrap=True).print(label, Text(" ".join(str(message).split())))
