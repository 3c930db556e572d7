"""What lies at a path, however it is spelt and wherever it was moved: files by their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path


def located(place: str | Path | None) -> str | None:
    """The absolute path of what is on this machine; else, as the id of a hub, the text itself."""
    if place is None:
        return None
    path = Path(place).expanduser()
    return str(path.resolve()) if path.exists() else str(place)


def contents(place: str) -> str:
    """The SHA-256 of a file, or of all files in a folder with their paths there; of no path, the text itself."""
    path = Path(place).expanduser()
    if path.is_file():
        return _digest(path)
    if not path.is_dir():
        return place
    digest = hashlib.sha256()
    for file in sorted(item for item in path.rglob("*") if item.is_file() and not item.name.startswith(".")):
        digest.update(f"{file.relative_to(path).as_posix()}\0{_digest(file)}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
