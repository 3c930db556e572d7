"""Folders, zip files and tar files, read alike: a sorted list of names, and the bytes behind each.

Nothing is ever unpacked to disk. Names that would leave the folder they are in, and names that occur twice, are never
read: they are listed as faults.
"""

from __future__ import annotations

import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from ambient.data.images.validation import DataSetError, Fault, UnusableError

LARGEST_FILE = 1 << 30
_READ_ERRORS = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


class Store(Protocol):
    """A set of named files.

    Attributes:
        path: Where it is.
        names: Its usable names, sorted, with forward slashes.
        faults: The names that are not usable.
    """

    path: Path
    names: list[str]
    faults: list[Fault]

    def read(self, name: str) -> bytes:
        """The content of one file. Raises `UnusableError` if it cannot be read."""

    def close(self) -> None:
        """Let go of the file behind the store."""


class FolderStore:
    """The files below a folder, hidden ones left out; links to folders are followed, but never in a circle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[Fault] = []
        found = []
        visited = set()
        for folder, folders, files in os.walk(path, followlinks=True):
            real = os.path.realpath(folder)
            if real in visited:
                name = Path(folder).relative_to(path).as_posix()
                self.faults.append(Fault("unsafe name", name, "a link to a folder that was read already"))
                folders.clear()
                continue
            visited.add(real)
            found += [(Path(folder) / file).relative_to(path).as_posix() for file in files]
        self.names = sorted(name for name in found if not _is_hidden(name))

    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise UnusableError("unreadable", error.strerror or str(error)) from error

    def close(self) -> None:
        pass


class ZipStore:
    """The members of a zip file, stored or compressed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            raise DataSetError(f"{path} is not a whole zip file ({error}); fetch or make it again") from error
        members = [info for info in self._zip.infolist() if not info.is_dir()]
        self.names, self.faults = _sort_out(info.orig_filename for info in members)
        self._members = {info.orig_filename: info for info in members}

    def read(self, name: str) -> bytes:
        member = self._members[name]
        if member.file_size > LARGEST_FILE:
            raise UnusableError("too large", f"{member.file_size} bytes")
        try:
            return self._zip.read(member)
        except _READ_ERRORS as error:
            raise UnusableError("damaged", f"cannot be read from the archive: {error}") from error

    def close(self) -> None:
        self._zip.close()


class TarStore:
    """The regular files of a tar file, compressed or not. Reading them in their order is fast, else it may be slow."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._tar = tarfile.open(path)  # noqa: SIM115
            members = [info for info in self._tar.getmembers() if info.isfile()]
        except (tarfile.TarError, *_READ_ERRORS) as error:
            raise DataSetError(f"{path} is not a whole tar file ({error}); fetch or make it again") from error
        self.names, self.faults = _sort_out(info.name for info in members)
        self._members = {info.name: info for info in members}

    def read(self, name: str) -> bytes:
        member = self._members[name]
        if member.size > LARGEST_FILE:
            raise UnusableError("too large", f"{member.size} bytes")
        try:
            file = self._tar.extractfile(member)
            return file.read() if file else b""
        except (tarfile.TarError, *_READ_ERRORS) as error:
            raise UnusableError("damaged", f"cannot be read from the archive: {error}") from error

    def close(self) -> None:
        self._tar.close()


def open_store(path: Path) -> Store:
    """The store at `path`, told by what it holds and not by its name.

    Raises:
        DataSetError: If there is nothing there, or neither a folder nor a whole zip or tar file.
    """
    if path.is_dir():
        return FolderStore(path)
    try:
        with open(path, "rb") as file:
            start = file.read(512)
    except OSError as error:
        raise DataSetError(f"cannot read {path}: {error.strerror}") from error
    if not start:
        raise DataSetError(f"{path} is empty (0 bytes); fetch or make it again")
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return ZipStore(path)
    if start[:2] == b"\x1f\x8b" or start[257:262] == b"ustar" or start[:3] == b"BZh" or start[:6] == b"\xfd7zXZ\x00":
        return TarStore(path)
    raise DataSetError(f"{path} is neither a folder, nor a zip or tar file; give one of these, or a data set's hub id")


def _sort_out(names: Iterable[str]) -> tuple[list[str], list[Fault]]:
    counts = Counter(name for name in names if not _is_hidden(name))
    faults = []
    for name, count in counts.items():
        if "\\" in name or name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
            faults.append(Fault("unsafe name", name, "would lie outside the data set's folder"))
        elif count > 1:
            faults.append(Fault("duplicate name", name, f"{count} files of this name, none of them used"))
    bad = {fault.name for fault in faults}
    return sorted(counts.keys() - bad), faults


def _is_hidden(name: str) -> bool:
    parts = name.split("/")
    return parts[0] == "__MACOSX" or (parts[-1].startswith(".") and parts[-1] not in (".", ".."))
