"""What every command line here does: parse, check, work, and turn a failure into one clear line.

Options are parsed and checked before anything heavy is imported, so `--help` and a mistyped option are answered at
once: a module of options imports neither torch nor diffusers nor sklearn, and a command imports them in its work.
No traceback reaches a user: that of a failure which we did not foresee is written to a file, which the line names;
`AMBIENT_TRACEBACK=1` shows it. Nothing of a message can steer the terminal: control characters are shown as escapes.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import traceback
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import tyro
from rich.console import Console
from rich.text import Text

from ambient.runs.damage import explained
from ambient.runs.signals import Interrupted, raised

EXPECTED = (ValueError, RuntimeError, OSError, FloatingPointError, ImportError)
"""What a user can mend: its text is shown as one line, with exit status 1."""
UNFORESEEN = (json.JSONDecodeError, UnicodeError, RecursionError, NotImplementedError)
"""Of these, what says nothing to a user: a file was read that should have been named."""
CONFIG = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
"""How options become a command line, everywhere the same."""
TRACEBACK = "AMBIENT_TRACEBACK"
"""Environment variable that shows tracebacks."""


def run(
    options: Any,
    work: Callable[[Any], int | None],
    arguments: Sequence[str] | None = None,
    *,
    prog: str | None = None,
    default: Callable[[], Any] | None = None,
) -> int:
    """Parse `options` from the command line, call `work` with them, and return the exit status.

    Args:
        options: A dataclass whose fields are the options; where it has a method `check`, that is called first, and
            raises ValueError for values that cannot work.
        work: What the command does; returns an exit status if it has one of its own, else None for 0.
        arguments: The command line, sys.argv by default.
        prog: Name of the command in its help.
        default: Gives options whose values are the defaults, or None for those of the dataclass.

    Returns:
        That of `work`; 1 for a failure, 128 + its number after a signal (130 for Ctrl-C, 143 for SIGTERM); tyro itself
        exits with 2 for a bad option.
    """
    _print_anything()
    with warnings.catch_warnings():
        warnings.showwarning = _in_one_line
        try:
            with raised():
                given = default() if default else None
                own = {} if given is None else {"default": given}
                parsed = tyro.cli(options, args=arguments, prog=prog, config=CONFIG, compact_help=True, **own)
                check = getattr(parsed, "check", None)
                if check is not None:
                    check()
                return work(parsed) or 0
        except KeyboardInterrupt as error:
            stopped = error if isinstance(error, Interrupted) else Interrupted()
            say("", stopped)
            return stopped.status
        except Exception as error:
            if os.environ.get(TRACEBACK):
                traceback.print_exc()
            say("[red]error:[/red]", _line(error))
            return 1


def say(label: str, message: object) -> None:
    """Print a message to stderr in one line, behind a label with rich's markup; the message itself is plain text."""
    text = Text(visible(" ".join(str(message).split())))
    Console(stderr=True, soft_wrap=True).print(*([label, text] if label else [text]))


def visible(text: str) -> str:
    """Text with what could steer a terminal, or is no text, as escapes: control and format characters, surrogates."""
    return "".join(_escaped(c) if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _line(error: Exception) -> str:
    """What a user is told of a failure."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"the package of the module {error.name} is not installed; install it with pip ({error})"
    if isinstance(error, MemoryError):
        return "out of memory; ask for less at a time"
    if isinstance(error, EXPECTED) and not isinstance(error, UNFORESEEN) and str(error):
        return str(error)
    with tempfile.NamedTemporaryFile(
        "w", prefix="ambient-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write("".join(traceback.format_exception(error)))
    return (
        f"unexpected {type(error).__name__}: {explained(error)}. This is a fault of ours; "
        f"please report it with the trace in {file.name}"
    )


def _print_anything() -> None:
    """Let output that the terminal's encoding cannot hold be escaped: a finished run must not fail as it is printed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _in_one_line(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if not issubclass(category, FutureWarning | DeprecationWarning):
        say("[yellow]warning:[/yellow]", message)
