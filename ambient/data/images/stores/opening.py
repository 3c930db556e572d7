"""Which kind of store a path is: told by what it holds, not by its name."""

from __future__ import annotations

from pathlib import Path

from ambient.data.images.names import sort_out
from ambient.data.images.options import FileOptions
from ambient.data.images.stores.base import Store, check_regular
from ambient.data.images.stores.folder import FolderStore
from ambient.data.images.stores.tars import TarStore
from ambient.data.images.stores.zips import ZipStore
from ambient.data.images.validation import DataSetError

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_ENDINGS = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_UNREAD = {b"7z\xbc\xaf\x27\x1c": "a 7z archive", b"Rar!": "a RAR archive", b"\x28\xb5\x2f\xfd": "compressed by zstd"}


def open_store(path: Path, options: FileOptions | None = None) -> Store:
    """The store at `path`. A folder that holds nothing but one archive is that archive.

    Raises:
        DataSetError: If there is nothing there, or neither a folder nor a whole zip or tar file.
    """
    options = options or FileOptions()
    if path.is_dir():
        store = FolderStore(path, options)
        found = sort_out(store.names)
        archives = [name for name in store.names if name.lower().endswith(_ENDINGS) and "/" not in name]
        alone = len(archives) == 1 and not found.images and not found.faults and not store.faults
        return open_store(path / archives[0], options) if alone else store
    start = _beginning(path)
    if not start:
        raise DataSetError(f"{path} is empty (0 bytes); fetch or make it again")
    if start.startswith(_ZIP):
        return ZipStore(path, options)
    if start.startswith(_COMPRESSED) or start[257:262] == b"ustar" or _is_old_tar(start):
        return TarStore(path, options)
    known = next((name for mark, name in _UNREAD.items() if start.startswith(mark)), None)
    problem = f"is {known}, which is not read" if known else "is neither a folder, nor a zip or tar file"
    raise DataSetError(f"{path} {problem}; give one of these, or a data set's hub id")


def _beginning(path: Path) -> bytes:
    check_regular(path)
    try:
        with open(path, "rb") as file:
            return file.read(512)
    except OSError as error:
        raise DataSetError(f"cannot read {path}: {error.strerror}") from error


def _is_old_tar(start: bytes) -> bool:
    """Whether a block is the header of a tar file from before POSIX: its sum of bytes is written in it."""
    try:
        stated = int(start[148:156].strip(b" \0"), 8)
    except ValueError:
        return False
    return len(start) == 512 and sum(start[:148]) + 8 * ord(" ") + sum(start[156:]) == stated
