"""Results as JSON that carry a checksum, so that no digit of them changes unnoticed.

The last field, `sha256`, is the SHA-256 of the rest as JSON in one line, its keys in order: it covers what the file
says, and not how it is laid out. A file without it, as earlier versions wrote, is taken as it is, and that is said.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ambient.runs.checksums import CHECKSUM
from ambient.runs.damage import MAKE_AGAIN, DamagedFileError, reading
from ambient.runs.files import read_json, write_json

_unsealed: list[Path] = []
"""The first result without a checksum that this process has read: it is named, and the others are not."""


def write_results(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object as indented JSON with a checksum, atomically.

    Raises:
        OSError: As `ambient.runs.files.write_atomically`.
        ValueError: If a number is not finite, or a field takes the checksum's name.
    """
    if CHECKSUM in value:
        raise ValueError(f"a field may not be called {CHECKSUM}: that is the checksum")
    write_json(path, {**value, CHECKSUM: digest_of(value)})


def read_results(path: Path, *keys: str, remedy: str = MAKE_AGAIN) -> dict[str, Any]:
    """The object that `write_results` wrote, without its checksum.

    Args:
        path: The file.
        keys: What it must have.
        remedy: What to do if it is damaged, for the error.

    Raises:
        DamagedFileError: If it is cut off, altered, no object, or lacks a key.
        FileNotFoundError: If there is none.

    Warns:
        UserWarning: For the first file that carries no checksum.
    """
    return checked_results(path, read_json(path, *keys, remedy=remedy), remedy)


def checked_results(path: Path, value: Mapping[str, Any], remedy: str = MAKE_AGAIN) -> dict[str, Any]:
    """What was read of results, without the checksum. Raises and warns as `read_results`."""
    rest = {name: item for name, item in value.items() if name != CHECKSUM}
    if CHECKSUM not in value:
        _note(path)
        return rest
    with reading(path, remedy):
        if value[CHECKSUM] != digest_of(rest):
            raise DamagedFileError.of(path, "its contents do not match its checksum", remedy)
    return rest


def digest_of(value: Mapping[str, Any]) -> str:
    """SHA-256 of an object as it stands in JSON, whatever the order of its keys and the layout of its file.

    Raises:
        ValueError: If a number is not finite.
    """
    plain = json.loads(json.dumps(value))  # tuples as lists, and all keys as text
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _note(path: Path) -> None:
    if not _unsealed:
        _unsealed.append(path)
        warnings.warn(
            f"{path} carries no checksum, as in an earlier version: it is taken as it is, and so are others like it",
            stacklevel=3,
        )
