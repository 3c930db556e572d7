"""One SHA-256 in the metadata of every safetensors file: of the whole file, with the checksum's own digits as zeros.

So it covers names, types, shapes and bytes of the tensors, the other metadata, and the layout: no bit of the file can
change unnoticed. A file is read once, in chunks, to check it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

import safetensors

from ambient.runs.damage import MAKE_AGAIN, DamagedFileError, reading

CHECKSUM = "sha256"
"""The name of the checksum among the metadata."""
BLANK = "0" * 64
"""What stands in its place while it is computed."""
_CHUNK = 1 << 22
_LENGTH = 8
"""Bytes before the header, which hold its length."""


def sealed(content: bytes) -> tuple[bytes, memoryview]:
    """A safetensors file with `BLANK` in the place of its checksum as one that has it: what to write, in two parts.

    Metadata are put in order, since safetensors writes them in any: equal contents are equal files.
    """
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header, data = content[_LENGTH:start], memoryview(content)[start:]
    described = json.loads(header)
    described["__metadata__"] = dict(sorted(described["__metadata__"].items()))
    ordered = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode().ljust(len(header))
    if len(ordered) != len(header):
        raise ValueError("the metadata cannot be written in order")
    digest = hashlib.sha256(content[:_LENGTH] + ordered)
    digest.update(data)
    return content[:_LENGTH] + ordered.replace(_entry(BLANK), _entry(digest.hexdigest())), data


def verify(path: Path, *, foreign: bool = False, remedy: str = MAKE_AGAIN) -> dict[str, str]:
    """Check a whole file against its checksum.

    Args:
        path: A safetensors file.
        foreign: Whether it may be by others, and carry no checksum; then only its header is
            looked at.
        remedy: What to do if it is damaged, for the error.

    Returns:
        Its metadata, without the checksum.

    Raises:
        DamagedFileError: If it is cut off, altered, or carries no checksum.
        FileNotFoundError: If there is none.
    """
    with open(path, "rb") as file, reading(path, remedy):
        length, header = _read_header(file)
        metadata = _metadata(header)
        digest = metadata.pop(CHECKSUM, None)
        if digest is None:
            if foreign:
                with safetensors.safe_open(path, "np"):  # it compares the header with the file's length
                    return metadata
            raise DamagedFileError.of(path, "it carries no checksum", remedy)
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise DamagedFileError.of(path, "its checksum is not one", remedy)
        blank = header.replace(_entry(digest), _entry(BLANK))
        if _digest(length + blank, file) != digest:
            raise DamagedFileError.of(path, "its contents do not match its checksum", remedy)
    return metadata


def metadata_of(path: Path, remedy: str = MAKE_AGAIN) -> dict[str, str]:
    """The metadata of a file, without the checksum, which is not checked. Raises as `verify`."""
    with open(path, "rb") as file, reading(path, remedy):
        metadata = _metadata(_read_header(file)[1])
    return {name: value for name, value in metadata.items() if name != CHECKSUM}


def _read_header(file: BinaryIO) -> tuple[bytes, bytes]:
    """The eight bytes of the header's length, and the header."""
    size = os.fstat(file.fileno()).st_size
    raw = file.read(_LENGTH)
    length = int.from_bytes(raw, "little")
    if length > size - _LENGTH:
        raise ValueError(f"it is cut off, or no safetensors file ({size} bytes)")
    return raw, file.read(length)


def _metadata(header: bytes) -> dict[str, str]:
    described: Any = json.loads(header)
    return dict(described.get("__metadata__", {}))


def _entry(digest: str) -> bytes:
    """The checksum as it stands in the header."""
    return f'"{CHECKSUM}":"{digest}"'.encode()


def _digest(start: bytes, file: BinaryIO) -> str:
    """SHA-256 of `start` and the rest of a file."""
    digest = hashlib.sha256(start)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
