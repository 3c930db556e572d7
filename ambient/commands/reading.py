"""Images of a source as a command takes them: float32 in [-1, 1] units, with names and classes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ambient.commands.source import Source
from ambient.data.images import ImageOptions, load_images
from ambient.noise import is_array_source, read_source


@dataclass(frozen=True, eq=False)
class Images:
    """Images that were read.

    Attributes:
        source: Where from.
        pixels: (N, C, H, W) float32 in [-1, 1] units.
        names: Name of each.
        read_as: What kind of source it was, and its range, in words.
        labels: Classes, (N,); None where they were not asked for.
        classes: Their names.
    """

    source: str
    pixels: Tensor
    names: tuple[str, ...]
    read_as: str
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def __str__(self) -> str:
        count, channels, height, width = self.pixels.shape
        return f"{self.source}: {self.read_as}; {count} images of {height}x{width}, {channels} channel(s)"


def read(source: Source, *, labels: bool = False) -> Images:
    """Read the images of a source; none is resized, since that would change its noise.

    Raises:
        DataSetError: If they cannot be read, naming files.
        ValueError: If numbers have no stated range, or classes are asked of them.
    """
    options = ImageOptions(channels=source.channels, labels=labels, skip_bad=source.skip_bad, **source.bounds())
    if is_array_source(source.source):
        if labels:
            raise ValueError(f"{source.source} is read as numbers, which have no classes: leave out --classes")
        found = read_source(source.source, ImageOptions(**source.bounds()), source.range, array=source.array)
        return Images(source.source, found.images, found.names, found.read_as)
    if source.range is not None or source.array is not None:
        raise ValueError(
            f"{source.source} is read as 8-bit images, whose range is 0 to 255: leave out --range and --array"
        )
    data = load_images(source.source, options)
    words = f"{data.report.layout}, 8-bit"
    return Images(source.source, data.images, data.names, words, data.labels, data.classes)
