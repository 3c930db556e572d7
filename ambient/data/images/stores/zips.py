"""A zip file. What it declares of its members is checked before, and again while, they are read."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ambient.data.images.options import FileOptions
from ambient.data.images.stores.base import check_regular, check_size, cleaned, sort_members
from ambient.data.images.validation import DataSetError, UnusableError, some

_UTF8 = 0x800
_CHUNK = {zipfile.ZIP_STORED: 1 << 20, zipfile.ZIP_DEFLATED: 1 << 20}
_BOMB, _RATIO = 1 << 30, 100


class ZipStore:
    """The members of a zip file, stored or compressed."""

    def __init__(self, path: Path, options: FileOptions) -> None:
        self.path = path
        self.notes: list[str] = []
        self._options = options
        check_regular(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except Exception as error:  # a damaged directory raises nearly anything
            raise DataSetError(f"{path} is not a whole zip file ({error}); fetch or make it again") from error
        self._check_sizes()
        members = {_name(info): info for info in self._zip.infolist()}
        raw = [name for info in self._zip.infolist() if not (name := _name(info)).endswith(("/", "\\"))]
        if turned := [name for name in raw if "\\" in name]:
            self.notes.append(
                f"{path}: backslashes in {len(turned)} names are read as slashes: {some(turned, len(turned))}"
            )
        names, self.faults, self.left_out = sort_members(cleaned(name, backslashes=True) for name in raw)
        self._members = {name: members[raw] for name, raw in names.items()}
        self.names = sorted(names)

    def read(self, name: str) -> bytes:
        member = self._members[name]
        check_size(member.file_size, self._options.largest_file)
        try:
            return b"".join(self._chunks(member))
        except UnusableError:
            raise
        except Exception as error:  # decompressors raise nearly anything
            raise UnusableError("damaged", f"cannot be read from the archive: {error}") from error

    def close(self) -> None:
        self._zip.close()

    def _chunks(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        """In small pieces: a member that unpacks to more than it declares never takes more memory than that."""
        with self._zip.open(member) as file:
            while chunk := file.read(_CHUNK.get(member.compress_type, 4096)):
                yield chunk

    def _check_sizes(self) -> None:
        size = os.path.getsize(self.path)
        infos = self._zip.infolist()
        if sum(info.compress_size for info in infos) > size:
            raise DataSetError(
                f"{self.path}: its members overlap, they claim more than its {size:,} bytes; it is not read"
            )
        unpacked = sum(info.file_size for info in infos)
        if unpacked > max(_BOMB, _RATIO * size):
            raise DataSetError(
                f"{self.path} unpacks to {unpacked:,} bytes, {unpacked // size} times its size, which no archive of "
                "images does; if you trust it, unpack it and give the folder"
            )


def _name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: where no encoding is declared, UTF-8 if it can be (macOS), else code page 437."""
    name = info.orig_filename
    if info.flag_bits & _UTF8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name
