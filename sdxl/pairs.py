"""The images and captions of the SDXL commands, as their options say, read by `ambient.data.images.captioned`.

The null caption is "", on which classifier-free guidance leans.
"""

from __future__ import annotations

from ambient.data.images.captioned import Pair, Unit
from ambient.data.images.captioned import units as read_units
from ambient.data.images.options import ImageOptions
from sdxl.source import Source

__all__ = ["Pair", "Source", "Unit", "units"]


def units(source: Source, size: int) -> list[Unit]:
    """The data set in units of `size` images, or of one WebDataset shard each.

    Raises:
        DataSetError: If it cannot be read, or images and captions do not belong together, naming file and line.
    """
    images = ImageOptions(
        split=source.split,
        revision=source.data_revision,
        image_column=source.image_column,
        largest_image=source.largest_image,
        largest_file=source.largest_file,
        follow_links=source.follow_links,
        white=source.white,
    )
    return read_units(source.data, size, source, images)
