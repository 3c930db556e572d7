"""A tar file, compressed or not.

`tarfile` stops without a word at the first header that it cannot read, and at the end of the first of two archives that
were joined. Here the end mark must be where reading ended, and nothing but zeros may follow it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path
from typing import IO, Any

from ambient.data.images.options import FileOptions
from ambient.data.images.stores.base import check_regular, check_size, cleaned, sort_members
from ambient.data.images.validation import DataSetError, Fault, UnusableError

_BOMB, _RATIO = 1 << 30, 100
_BLOCK = tarfile.BLOCKSIZE


class TarStore:
    """The regular files of a tar file. Reading them in their order is fast, else it may be slow where compressed.

    Attributes:
        order: The usable names in the order of the archive.
    """

    def __init__(self, path: Path, options: FileOptions) -> None:
        self.path = path
        self.notes: list[str] = []
        self._options = options
        check_regular(path)
        try:
            self._file = _Guarded(_open(path), os.path.getsize(path), options.largest_file)
            self._tar = tarfile.open(path, "r:", fileobj=self._file)  # noqa: SIM115
            members = list(self._tar)
            self._check_end()
        except Exception as error:  # damaged headers and streams raise nearly anything
            raise DataSetError(f"{path} is not a whole tar file ({error}); fetch or make it again") from error
        files = [info for info in members if info.isfile() or info.islnk()]
        names, self.faults, self.left_out = sort_members(cleaned(info.name) for info in files)
        for info in members:
            if not (info.isfile() or info.islnk() or info.isdir()):
                kind = "a symbolic link" if info.issym() else "a device or pipe"
                self.faults.append(Fault("unreadable", info.name, f"{kind} in an archive, not a file"))
        by_raw = {info.name: info for info in files}
        self._members = {name: by_raw[raw] for name, raw in names.items()}
        self.order = list(names)
        self.names = sorted(names)

    def read(self, name: str) -> bytes:
        member = self._members[name]
        if member.islnk():  # the second name of a file that is in the archive under its first
            target = cleaned(member.linkname)[1]
            if target is None or target not in self._members or self._members[target].islnk():
                raise UnusableError("missing file", f"the archive has it as a link to {member.linkname}")
            member = self._members[target]
        check_size(member.size, self._options.largest_file)
        try:
            file = self._tar.extractfile(member)
            content = file.read() if file else b""
        except Exception as error:
            raise UnusableError("damaged", f"cannot be read from the archive: {error}") from error
        if len(content) != member.size:
            raise UnusableError("damaged", f"{len(content)} of {member.size} bytes are there")
        return content

    def close(self) -> None:
        self._tar.close()
        self._file.close()

    def _check_end(self) -> None:
        self._file.seek(self._tar.offset)
        block = self._file.read(_BLOCK)
        if len(block) < _BLOCK:
            raise ValueError("it ends without an end mark: it was cut off, or never finished")
        if any(block):
            raise ValueError(f"the header at byte {self._tar.offset} is damaged, and with it all that follows")
        while block := self._file.read(1 << 20):
            if block.strip(b"\0"):
                raise ValueError("more follows after its end mark, as in archives that were joined; read each alone")


class _Guarded(io.RawIOBase):
    """A stream that is never read in pieces above `largest`, nor beyond what an archive of `packed` bytes can hold."""

    def __init__(self, file: IO[bytes], packed: int, largest: int) -> None:
        self._file, self._packed, self._largest = file, packed, largest

    def read(self, size: int = -1) -> bytes:
        if size > self._largest + _BLOCK:
            raise ValueError(f"a header of {size:,} bytes, of which largest_file allows {self._largest:,}")
        content = self._file.read(size if size >= 0 else self._largest)
        self._check()
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        place = self._file.tell()
        while whence == os.SEEK_SET and offset - place > 1 << 26:  # in steps, to meet a bomb early
            place = self._file.seek(place + (1 << 26))
            self._check()
            if self._file.tell() < place:
                break
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def _check(self) -> None:
        if self._file.tell() > max(_BOMB, _RATIO * self._packed):
            raise ValueError(
                f"it unpacks to over {_RATIO} times its {self._packed:,} bytes, which no archive of images does; if "
                "you trust it, unpack it and give the folder"
            )


def _open(path: Path) -> Any:
    with open(path, "rb") as file:
        start = file.read(6)
    if start[:2] == b"\x1f\x8b":
        return gzip.open(path)
    if start[:3] == b"BZh":
        return bz2.open(path)
    if start == b"\xfd7zXZ\x00":
        return lzma.open(path)
    return open(path, "rb")
