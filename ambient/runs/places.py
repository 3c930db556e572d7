"""Where a command is asked to write, checked before it works."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def require_folder(path: Path, option: str = "--output") -> None:
    """Refuse what cannot be a folder.

    Raises:
        ValueError: If it, or what it would lie in, is a file; naming the option.
    """
    _require_folders([path, *path.parents], f"{option} {path}")


def require_file(path: Path, option: str = "--output") -> None:
    """Refuse what cannot be a file.

    Raises:
        ValueError: If it is a folder, or what it would lie in is a file; naming the option.
    """
    if path.is_dir():
        raise ValueError(f"{option} {path}: is a folder; give the name of a file")
    _require_folders(path.parents, f"{option} {path}")


def _require_folders(places: Sequence[Path], given: str) -> None:
    """Refuse it if the first of some places that exists is no folder."""
    first = next((place for place in places if place.exists()), None)
    if first is not None and not first.is_dir():
        raise ValueError(f"{given}: {first} is a file; give a folder")
