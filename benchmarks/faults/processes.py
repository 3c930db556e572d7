"""Commands in processes of their own, forked from this one, which has imported what they need.

A forked command runs as `python -m NAME` does: as `__main__`, with its own arguments, in a session of its own (so that
a signal reaches its workers too), with signals as a shell leaves them. It ends with this process, however that ends.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import random
import resource
import runpy
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ambient.runs.signals import Interrupted
from benchmarks.faults.commands import ROOT, Command

LIMIT = 300.0
"""Seconds after which a command that does not end is a fault."""
_PARENT_DEATH = 1
"""PR_SET_PDEATHSIG of Linux."""
_ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: Its exit status; -N after the signal N.
        text: What it printed, on both streams.
        seconds: How long it took.
    """

    status: int
    text: str
    seconds: float


def fork(work: Callable[[], int]) -> int:
    """Call `work` in a process, which ends with what it returns, or 1 with a traceback; returns its number."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)
        status = work()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # what a shell would show of a program that ends so
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status & 0xFF)


def _nothing() -> None:
    pass


def start(
    command: Command, folder: Path, before: Callable[[], None] = _nothing, after: Callable[[], None] = _nothing
) -> int:
    """Start a command in `folder`; what it prints goes to `log.txt` there.

    Args:
        command: Which, with its arguments.
        folder: Where it works.
        before: Called in the new process, such as to limit it.
        after: Called in the new process when the command has ended.
    """
    folder.mkdir(parents=True, exist_ok=True)

    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)  # until the new process is as from a shell

    def work() -> int:
        _like_from_a_shell(folder)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        before()
        sys.argv = [command.module, *command.arguments]
        try:
            if command.module.endswith(".py"):
                runpy.run_path(str(ROOT / command.module), run_name="__main__")
            else:
                runpy.run_module(command.module, run_name="__main__", alter_sys=True)
        finally:
            after()
        return 0

    try:
        return fork(work)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _like_from_a_shell(folder: Path) -> None:
    """Make this process one that a shell has started in `folder`, with its output to a file.

    SIGINT ends it at once where it does not listen yet, as the others do: Python would print where it was. tqdm's lock
    is its own: one that is shared with other commands would be held for ever by one that is killed as it draws its bar.
    """
    if "tqdm" in sys.modules:
        lock, bars = threading.RLock(), [sys.modules["tqdm"].tqdm]
        for bar in bars:  # a class of bars may have got a lock that hides that of its base
            bar.set_lock(lock)
            bars += bar.__subclasses__()
    os.setsid()
    for each in _ASKED:
        signal.signal(each, signal.SIG_DFL)
    log = os.open(_log(folder), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", closefd=False) for n in (1, 2))  # noqa: SIM115
    os.chdir(folder)


def fresh(folder: Path, given: Path) -> None:
    """Make an empty folder for a command to work in, with what it is given beside it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "given").symlink_to(given.resolve(), target_is_directory=True)


def finish(pid: int, folder: Path, began: float, limit: float = LIMIT) -> Ended:
    """Wait for a command that was started in `folder`; one that takes longer than `limit` is killed."""
    while time.monotonic() - began < limit:
        found, raw = os.waitpid(pid, os.WNOHANG)
        if found:
            return Ended(os.waitstatus_to_exitcode(raw), _printed(folder), time.monotonic() - began)
        time.sleep(0.01)
    kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return Ended(-signal.SIGKILL, _printed(folder) + f"\nit did not end within {limit:g} s", limit)


def run(
    command: Command, folder: Path, before: Callable[[], None] = _nothing, after: Callable[[], None] = _nothing
) -> Ended:
    """Run a command in `folder` to its end."""
    began = time.monotonic()
    return finish(start(command, folder, before, after), folder, began)


def kill(pid: int, signum: int) -> None:
    """Send a signal to a command and all its workers; where it has no session yet, to it alone."""
    try:
        os.killpg(pid, signum)
    except ProcessLookupError:
        os.kill(pid, signum)


def kill_worker(pid: int, chosen: random.Random) -> bool:
    """Kill one of the workers of a command; False if it has none yet."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        workers = [child for child in children if any("spawn_main" in word for word in child.cmdline())]
        if workers:
            chosen.choice(workers).kill()
        return bool(workers)
    except psutil.Error:  # it has just ended
        return False


def import_all(names: Iterable[str]) -> None:
    """Import modules in this process, for those that will be forked from it; those that cannot be are left to them."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            continue


def memory() -> int:
    """The most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def stopped_as_asked(ended: Ended, signum: int) -> bool:
    """Whether a command ended as it should after SIGINT, SIGTERM or SIGHUP: in one line, with the status of a shell."""
    return signum in _ASKED and ended.status == Interrupted(signum=signum).status and not traced(ended)


def traced(ended: Ended) -> bool:
    """Whether a traceback reached the user, or a failure that we did not foresee."""
    return "Traceback (most recent call last)" in ended.text or "This is a fault of ours" in ended.text


def _log(folder: Path) -> Path:
    return folder / "log.txt"


def _printed(folder: Path) -> str:
    path = _log(folder)
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def as_bytes(value: Any) -> bytes:
    """A result as it is passed through a pipe."""
    return json.dumps(value).encode()


def from_bytes(content: bytes) -> Any:
    """What `as_bytes` wrote."""
    return json.loads(content)
