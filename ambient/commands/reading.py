"""Images of a source as a command takes them: float32 in [-1, 1] units, with names and classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ambient.commands.source import Source
from ambient.data.images import ImageOptions, load_images


@dataclass(frozen=True, eq=False)
class Images:
    """Images that were read.

    Attributes:
        source: Where from.
        pixels: (N, C, H, W) float32 in [-1, 1] units.
        names: Name of each.
        labels: Classes, (N,); None where they were not asked for.
        classes: Their names.
        layout: What kind of source it was.
    """

    source: str
    pixels: Tensor
    names: tuple[str, ...]
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    layout: str = ""

    def __len__(self) -> int:
        return len(self.pixels)

    def __str__(self) -> str:
        count, channels, height, width = self.pixels.shape
        return f"{self.source}: {self.layout}, {count} images of {height}x{width}, {channels} channel(s)"


def read(source: Source, *, labels: bool = False) -> Images:
    """Read the images of a source; none is resized, since that would change its noise.

    Raises:
        DataSetError: If they cannot be read, naming files.
        ValueError: If arrays have no stated range.
    """
    path = Path(source.source)
    if path.suffix in (".npy", ".npz"):
        return _arrays(path, source)
    found = load_images(source.source, ImageOptions(channels=source.channels, labels=labels, skip_bad=source.skip_bad))
    return Images(source.source, found.images, found.names, found.labels, found.classes, found.report.layout)


def _arrays(path: Path, source: Source) -> Images:
    raise NotImplementedError(torch.__version__)
