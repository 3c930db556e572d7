"""Where a command may write: a folder that is new, empty, or its own from before."""

from __future__ import annotations

from pathlib import Path

RESTORATION = "restoration.json"
"""What a folder of restored images says of itself."""


def check_output(folder: Path, *own: str, option: str = "--output") -> None:
    """Refuse a folder that holds something else, such as the images that are read.

    Args:
        folder: Where a command is asked to write.
        own: Files or folders of which one tells that the same kind of command wrote there before.
        option: What the folder was given by.

    Raises:
        ValueError: If it is a file, or a folder with other things in it.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{option} {folder} is a file: give a folder")
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).exists() for name in own):
        raise ValueError(f"{option} {folder}: there is something else there already; choose another folder")
