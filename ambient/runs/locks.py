"""One command at a time works in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = "lock"
"""Name of the lock's file, which stays when the lock is given back; a killed process gives it back too."""


@contextmanager
def locked(folder: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Keep a folder, which is made if need be, to this process. It may take the lock again that it already has.

    Under `accelerate launch` only the main process takes it, for all.

    Args:
        folder: Where nobody else is to work.
        wait: Seconds to wait for a process that has it.

    Raises:
        RuntimeError: If another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.resolve() / LOCK, is_singleton=True)
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise RuntimeError(f"{folder} is in use by another process; wait for it, or choose another --output") from None
    try:
        yield
    finally:
        lock.release()
