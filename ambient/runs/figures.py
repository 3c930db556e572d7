"""Figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ambient.runs.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(path: Path, figure: Figure, *, dpi: int = 120, tight: bool = True) -> None:
    """Write a figure as PNG, atomically.

    Args:
        path: The file.
        figure: What is written.
        dpi: Resolution.
        tight: Whether white margins are cut off.
    """
    box = "tight" if tight else None
    write_atomically(path, lambda file: figure.savefig(file, dpi=dpi, bbox_inches=box, format="png"))
