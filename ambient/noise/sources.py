"""The images of a source, in [-1, 1]: files of numbers with a stated range, or any data set of 8-bit images.

This is the one place where this room meets the readers of 8-bit images.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ambient.data.images import ImageOptions, load_images, to_unit
from ambient.noise.arrays import ArrayError, Range, is_array_source, read_arrays


@dataclass(frozen=True, eq=False)
class Source:
    """Images and what they were read as.

    Attributes:
        images: (N, C, H, W) float32, black at -1 and white at 1.
        names: Name of each.
        read_as: What the source was recognised as, with its range, in words.
    """

    images: Tensor
    names: tuple[str, ...]
    read_as: str


def read_source(
    source: str, options: ImageOptions | None = None, value_range: Range | None = None, *, array: str | None = None
) -> Source:
    """Read images from whatever holds them.

    Args:
        source: What `ambient.noise.arrays.read_arrays` reads, or else what `ambient.data.images.load_images` reads.
        options: How 8-bit images are read; for files of numbers only `limit` may be set.
        value_range: Values of black and white in files of numbers.
        array: Name of the array in a .npz file.

    Raises:
        ValueError: If it cannot be read, or an option does not belong to this kind of source.
    """
    options = options or ImageOptions()
    if not is_array_source(source):
        if value_range is not None or array is not None:
            raise ArrayError(
                f"{source} is read as 8-bit images, whose range is 0 to 255: leave out --range and --array"
            )
        data = load_images(source, options)
        left_out = f", {len(data.report.faults)} files left out" if data.report.faults else ""
        words = f"{data.report.layout}, 8-bit: black is 0, white is 255{left_out}"
        return Source(to_unit(data.pixels), data.names, words)
    if options != ImageOptions(limit=options.limit):
        raise ArrayError(f"{source} is read as numbers: of the options for 8-bit images, only --limit applies")
    stack = read_arrays(source, value_range, array=array)
    low, high = stack.range
    origin = "as stated" if stack.range_from == "stated" else f"that of {stack.range_from}"
    words = (
        f"{stack.dtype}: black is {low:g}, white is {high:g} ({origin}); {stack.beyond:.1%} of the numbers lie beyond"
    )
    return Source(stack.images[: options.limit], stack.names[: options.limit], words)
