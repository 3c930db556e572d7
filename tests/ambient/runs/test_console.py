"""Every failure is one line and an exit status."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import safetensors
from rich.errors import MarkupError

from ambient.runs.console import TRACEBACK, run, say, visible
from ambient.runs.damage import DamagedFileError

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Options:
    """Do something."""

    count: int = 1

    def check(self) -> None:
        if self.count < 0:
            raise ValueError("--count: 0 or more")


def fails(error: BaseException) -> Callable[[Options], None]:
    def work(options: Options) -> None:
        raise error

    return work


def test_what_a_command_returns() -> None:
    assert run(Options, lambda options: None, []) == 0
    assert run(Options, lambda options: options.count, ["--count", "3"]) == 3
    with pytest.raises(SystemExit) as caught:
        run(Options, lambda options: None, ["--cuont", "3"])
    assert caught.value.code == 2


EXPECTED = [
    DamagedFileError("a.json is damaged: it is not JSON; remove it"),
    ValueError("--images: too few"),
    FileNotFoundError(2, "No such file or directory", "b.txt"),
    FloatingPointError("the loss is not finite"),
    MemoryError(),
    ModuleNotFoundError("No module named 'wandb'", name="wandb"),
]


@pytest.mark.parametrize("error", EXPECTED, ids=lambda error: type(error).__name__)
def test_what_a_user_can_mend_is_one_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Options, fails(error), []) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "fault of ours" not in err
    assert str(error) in err


def test_options_are_checked_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Options, fails(AssertionError("worked")), ["--count", "-1"]) == 1
    assert capsys.readouterr().err == "error: --count: 0 or more\n"


UNFORESEEN = [
    KeyError("rows"),
    AssertionError(),
    TypeError("unsupported operand"),
    RecursionError("maximum recursion depth exceeded"),
    csv.Error("line contains NUL"),
    safetensors.SafetensorError("header too large"),
    MarkupError("closing tag"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
]


@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda error: type(error).__name__)
def test_what_was_not_foreseen_is_one_line_that_names_the_trace(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Options, fails(error), []) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: unexpected {type(error).__name__}: ")
    assert err.count("\n") == 1
    trace = Path(re.findall(r"the trace in (\S+)", err)[0])
    assert "Traceback (most recent call last)" in trace.read_text(encoding="utf-8")
    assert "in work" in trace.read_text(encoding="utf-8")
    trace.unlink()


def test_the_trace_is_shown_when_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRACEBACK, "1")
    assert run(Options, fails(ValueError("--images: too few")), []) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_with_their_status_and_say_how_to_go_on(signum: int, capsys: pytest.CaptureFixture[str]) -> None:
    def work(options: Options) -> None:
        os.kill(os.getpid(), signum)

    assert run(Options, work, []) == 128 + signum
    assert "run the same command again" in capsys.readouterr().err
    assert run(Options, fails(KeyboardInterrupt()), []) == 130


def test_nothing_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "a\x1b[2Jb\x07c\x9bd\u202ee\udcfff [red]g[/blue]"
    say("[red]error:[/red]", evil)
    assert capsys.readouterr().err == "error: a\\x1b[2Jb\\x07c\\x9bd\\u202ee\\udcfff [red]g[/blue]\n"
    assert visible("caf\u00e9 \u03c3 \u4e2d") == "caf\u00e9 \u03c3 \u4e2d"


def test_warnings_are_lines_and_the_caller_keeps_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    before = warnings.showwarning

    def work(options: Options) -> None:
        warnings.simplefilter("always")
        warnings.warn("12 images\nare left out", stacklevel=1)
        warnings.warn("old", FutureWarning, stacklevel=1)

    assert run(Options, work, []) == 0
    assert capsys.readouterr().err == "warning: 12 images are left out\n"
    assert warnings.showwarning is before


def test_what_the_terminal_cannot_show_ends_no_run() -> None:
    code = """
import sys
from dataclasses import dataclass, field
from ambient.runs.console import run
@dataclass
class Options:
    "Nothing."
def work(options):
    print("sigma \\u03c3")
sys.exit(run(Options, work, []))
"""
    environment: dict[str, Any] = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "sigma \\u03c3\n")


def test_a_signal_while_options_are_read_ends_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def ask() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    @dataclass
    class Slow:
        number: int = field(default_factory=ask)

    assert run(Slow, lambda options: None, []) == 128 + signal.SIGTERM
    assert "Traceback" not in capsys.readouterr().err
