"""What folders and archives have in common, and the one way in which a file on disk is read."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from ambient.data.images.names import clean, is_junk
from ambient.data.images.validation import DataSetError, Fault, LeftOut, UnusableError


class Store(Protocol):
    """A set of named files.

    Attributes:
        path: Where it is.
        names: Its usable names, sorted, with forward slashes.
        faults: The names that are not usable.
        left_out: The names that are no part of the data.
        notes: How names were read that had to be reinterpreted.
    """

    path: Path
    names: list[str]
    faults: list[Fault]
    left_out: list[LeftOut]
    notes: list[str]

    def read(self, name: str) -> bytes:
        """The content of one file. Raises `UnusableError` if it cannot be read."""

    def close(self) -> None:
        """Let go of the file behind the store."""


_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def kind_of(mode: int) -> str | None:
    """What a thing on disk is, by its mode; None for a regular file."""
    return next((kind for test, kind in _KINDS if test(mode)), None)


def check_regular(path: Path) -> None:
    """Raises `DataSetError` unless there is a regular file at `path`: opening anything else may wait for ever."""
    try:
        kind = kind_of(os.stat(path).st_mode)
    except (OSError, ValueError) as error:
        raise DataSetError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if kind:
        raise DataSetError(f"{path} is {kind}, not a file; give a folder, a zip or tar file")


def read_file(path: Path, largest: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        UnusableError: If it is no regular file, larger than `largest` bytes, or cannot be read. Pipes and devices are
            never opened, since opening may wait and reading may never end.
    """
    try:
        if kind := kind_of(os.stat(path).st_mode):
            raise UnusableError("unreadable", f"it is {kind}, not a file")
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if kind := kind_of(status.st_mode):
                raise UnusableError("unreadable", f"it is {kind}, not a file")
            check_size(status.st_size, largest)
            content = file.read(status.st_size + 1)
    except (OSError, ValueError) as error:
        raise UnusableError("unreadable", getattr(error, "strerror", None) or str(error)) from error
    if len(content) > status.st_size:
        raise UnusableError("unreadable", "it grows while it is read, or has no size")
    return content


def check_size(size: int, largest: int) -> None:
    """Raises `UnusableError` for a file of more bytes than allowed."""
    if size > largest:
        raise UnusableError("too large", f"{size:,} bytes, of which largest_file allows {largest:,}")


def sort_members(members: Iterable[tuple[str, str | None]]) -> tuple[dict[str, str], list[Fault], list[LeftOut]]:
    """Tell usable names of an archive from others.

    Args:
        members: The name of each member as the archive has it, and cleaned (None if it would lie outside).

    Returns:
        Usable cleaned name -> name in the archive; faults; what is left out.
    """
    names: dict[str, str] = {}
    faults: list[Fault] = []
    left_out: list[LeftOut] = []
    counts: Counter[str] = Counter()
    for raw, name in members:
        if name is None:
            faults.append(Fault("unsafe name", raw, "would lie outside the data set's folder"))
        elif is_junk(name):
            left_out.append(LeftOut("hidden or system file", name))
        else:
            counts[name] += 1
            names[name] = raw
    for name, count in counts.items():
        if count > 1:
            faults.append(Fault("duplicate name", name, f"{count} files of this name, none of them used"))
            del names[name]
    return names, faults, left_out


def cleaned(raw: str, backslashes: bool = False) -> tuple[str, str | None]:
    """A member's name as it is and cleaned."""
    return raw, clean(raw, backslashes)
