"""What every command line here does: parse, check, work, and turn an expected failure into one clear line.

Options are parsed and checked before anything heavy is imported, so `--help` and a mistyped option are answered at
once: a module of options imports neither torch nor diffusers nor sklearn, and a command imports them in its work.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import tyro
from rich.console import Console
from rich.text import Text

EXPECTED = (ValueError, RuntimeError, OSError, ArithmeticError, ImportError)
"""What a user can mend: shown as one line, with exit status 1. Anything else is a fault of ours and shows its trace."""
CONFIG = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
"""How options become a command line, everywhere the same."""


def run(
    options: Any,
    work: Callable[[Any], int | None],
    arguments: Sequence[str] | None = None,
    *,
    prog: str | None = None,
) -> int:
    """Parse `options` from the command line, call `work` with them, and return the exit status.

    Args:
        options: A dataclass whose fields are the options; where it has a method `check`, that is called first, and
            raises ValueError for values that cannot work.
        work: What the command does; returns an exit status if it has one of its own, else None for 0.
        arguments: The command line, sys.argv by default.
        prog: Name of the command in its help.

    Returns:
        That of `work`; 1 for an expected failure, 130 after Ctrl-C; tyro itself exits with 2 for a bad option.
    """
    parsed = tyro.cli(options, args=arguments, prog=prog, config=CONFIG, compact_help=True)
    warnings.showwarning = _in_one_line
    try:
        check = getattr(parsed, "check", None)
        if check is not None:
            check()
        return work(parsed) or 0
    except KeyboardInterrupt:
        Console(stderr=True).print("\nStopped. Run the same command again to go on.")
        return 130
    except EXPECTED as error:
        say("[red]error:[/red]", error)
        return 1


def say(label: str, message: object) -> None:
    """Print a message to stderr in one line, behind a label with rich's markup; the message itself is plain text."""
    Console(stderr=True, soft_wrap=True).print(label, Text(" ".join(str(message).split())))


def _in_one_line(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if not issubclass(category, FutureWarning | DeprecationWarning):
        say("[yellow]warning:[/yellow]", message)
