"""Signals that ask a command to stop: SIGINT (Ctrl-C), SIGTERM (kill, a batch system) and SIGHUP (a closed terminal).

Outside training they raise `Interrupted` at once, so that what is open is closed. A training run finishes its update
first, saves a checkpoint and then raises it. A second signal is not waited for. Signals that were ignored when the
command started, as under `nohup`, stay ignored.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

AGAIN = "run the same command again to go on"
"""What to do after an interruption."""
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to stop.

    Attributes:
        signum: Which.
        where: After which update of a training; empty elsewhere.
    """

    def __init__(self, message: str = f"Stopped; {AGAIN}.", signum: int = signal.SIGINT, where: str = "") -> None:
        super().__init__(message, signum, where)
        self.signum, self.where = signum, where

    def __str__(self) -> str:
        return str(self.args[0])

    @property
    def status(self) -> int:
        """The exit status that shells expect: 128 + signum."""
        return 128 + int(self.signum)


class Asked:
    """Whether a signal has come."""

    signum: int | None = None

    def __bool__(self) -> bool:
        return self.signum is not None


@contextmanager
def raised() -> Iterator[None]:
    """Signals inside raise `Interrupted`."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Interrupted(signum=signum)

    with _handled(stop):
        yield


@contextmanager
def noted() -> Iterator[Asked]:
    """Signals inside are noted, for the work to end where it can go on; the second one acts as it did before."""
    asked = Asked()

    def note(signum: int, frame: FrameType | None) -> None:
        asked.signum = signum
        put_back()

    with _handled(note) as put_back:
        yield asked


@contextmanager
def held() -> Iterator[None]:
    """Ctrl-C waits until the end, and in processes that are started inside until they `leave_to_parent`.

    A terminal sends it to every process; one that is still starting would print where it was.
    """
    came: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    noted_here = threading.current_thread() is threading.main_thread() and handler not in (signal.SIG_IGN, None)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if hasattr(signal, "pthread_sigmask") else None
    if noted_here:  # a signal to the process may reach another thread, which does not block it
        signal.signal(signal.SIGINT, lambda signum, frame: came.append(signum))
    try:
        yield
    finally:
        if noted_here:
            signal.signal(signal.SIGINT, handler)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if came:
            signal.raise_signal(signal.SIGINT)


def leave_to_parent() -> None:
    """In a worker: signals are the main process's, which has them too and ends its workers with SIGTERM if need be."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[Callable[[], None]]:
    """Set a handler for the signals that are not ignored; yields what puts the earlier ones back before the end."""
    before: dict[Any, Any] = {}
    process = os.getpid()

    def handle(signum: int, frame: FrameType | None) -> None:
        if os.getpid() == process:
            handler(signum, frame)
        else:  # a child that inherited this: it ends as children do
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)

    def put_back() -> None:
        while before:
            signal.signal(*before.popitem())

    if threading.current_thread() is threading.main_thread():  # the only one that may set handlers
        for each in _SIGNALS:
            if signal.getsignal(each) not in (signal.SIG_IGN, None):
                before[each] = signal.signal(each, handle)
    try:
        yield put_back
    finally:
        put_back()
