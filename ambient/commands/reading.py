"""Images of a source as a command takes them: float32 in [-1, 1] units, with names and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.commands.source import Source
from ambient.data.images import DataSetError, ImageOptions, load_each, load_images
from ambient.noise import is_array_source, read_source


@dataclass(frozen=True, eq=False)
class Images:
    """Images that were read.

    Attributes:
        source: Where from.
        pixels: (N, C, H, W) float32 in [-1, 1] units; or a list of (C, H, W), where their sizes may differ.
        names: Name of each.
        read_as: What kind of source it was, and its range, in words.
        labels: Classes, (N,); None where they were not asked for.
        classes: Their names.
    """

    source: str
    pixels: Tensor | list[Tensor]
    names: tuple[str, ...]
    read_as: str
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def __str__(self) -> str:
        sizes = sorted({(int(image.shape[1]), int(image.shape[2])) for image in self.pixels})
        size = "x".join(map(str, sizes[0]))
        if len(sizes) > 1:
            size = f"{len(sizes)} sizes from {size} to {'x'.join(map(str, sizes[-1]))}"
        return f"{self.source}: {self.read_as}; {len(self)} images of {size}, {self.pixels[0].shape[0]} channel(s)"

    def take(self, rows: Sequence[int]) -> Tensor:
        """The images at `rows`, of one size, (len(rows), C, H, W)."""
        return torch.stack([self.pixels[i] for i in rows])

    def by_size(self, rows: Sequence[int]) -> list[list[int]]:
        """`rows` in groups of one size, in order."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for i in rows:
            groups.setdefault(tuple(self.pixels[i].shape), []).append(i)
        return list(groups.values())

    def corners(self) -> Tensor:
        """As much of each image as all have, (N, C, h, w): cutting leaves noise as it is, where resizing would not."""
        if isinstance(self.pixels, Tensor):
            return self.pixels
        height, width = (min(image.shape[axis] for image in self.pixels) for axis in (1, 2))
        return torch.stack([image[:, :height, :width] for image in self.pixels])


def read(source: Source, *, labels: bool = False, any_size: bool = False) -> Images:
    """Read the images of a source; none is resized, since that would change its noise.

    Args:
        source: Where they are.
        labels: Whether classes are read.
        any_size: Whether their sizes may differ; files of numbers are all of one size.

    Raises:
        DataSetError: If they cannot be read, naming files.
        ValueError: If numbers have no stated range, or classes are asked of them.
    """
    options = ImageOptions(channels=source.channels, labels=labels, skip_bad=source.skip_bad, **source.bounds())
    if is_array_source(source.source):
        if labels:
            raise ValueError(f"{source.source} is read as numbers, which have no classes")
        found = read_source(source.source, ImageOptions(**source.bounds()), source.range, array=source.array)
        return Images(source.source, found.images, found.names, found.read_as)
    if source.range is not None or source.array is not None:
        raise ValueError(
            f"{source.source} is read as 8-bit images, whose range is 0 to 255: leave out --range and --array"
        )
    if any_size:
        each = load_each(source.source, options)
        pixels: Tensor | list[Tensor] = each.images()
        if len({image.shape for image in pixels}) == 1:
            pixels = torch.stack(list(pixels))
        words = f"{each.report.layout}, 8-bit"
        return Images(source.source, pixels, each.names, words, each.labels, each.classes)
    data = load_images(source.source, options)
    words = f"{data.report.layout}, 8-bit"
    return Images(source.source, data.images, data.names, words, data.labels, data.classes)


def read_alike(source: Source, *, labels: bool = False) -> Images:
    """Read images of one size, all square, to train on as they are.

    Raises:
        DataSetError: As `read`; and if sizes differ or an image is not square, saying that `--crop` takes them.
    """
    try:
        images = read(source, labels=labels)
    except DataSetError as error:
        if error.report is None or not any(fault.kind == "wrong size" for fault in error.report.faults):
            raise
        sizes = [fault for fault in error.report.faults if fault.kind == "wrong size"]
        raise DataSetError(
            f"{source.source}: {len(sizes)} images are of another size than the others, such as {sizes[0].name} "
            f"({sizes[0].detail.split(';')[0]}): train on square pieces of them with --crop SIDE"
        ) from error
    height, width = images.pixels[0].shape[1:]
    if height != width:
        raise DataSetError(
            f"{source.source}: the images are {width} wide and {height} high, and a model's are square: train on "
            "square pieces of them with --crop SIDE"
        )
    return images


def read_larger(source: Source, side: int, *, labels: bool = False) -> Images:
    """Read images of any sizes to train on square pieces of them.

    Raises:
        DataSetError: As `read`; and if one is smaller than the pieces, naming it.
    """
    images = read(source, labels=labels, any_size=True)
    small = [i for i, image in enumerate(images.pixels) if min(image.shape[1:]) < side]
    if small:
        height, width = images.pixels[small[0]].shape[1:]
        raise DataSetError(
            f"--crop {side}: {len(small)} of {len(images)} images of {source.source} are smaller, such as "
            f"{images.names[small[0]]}, {width} wide and {height} high"
        )
    return images
