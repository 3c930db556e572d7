"""The images and captions of the SDXL commands: their options, read by `ambient.data.images.captioned`.

The null caption is "", on which classifier-free guidance leans.
"""

from __future__ import annotations

from dataclasses import dataclass

import tyro

from ambient.data.images.captioned import Pair, Unit
from ambient.data.images.captioned import units as read_units
from ambient.data.images.options import CaptionOptions, FileOptions, ImageOptions

__all__ = ["Pair", "Source", "Unit", "units"]


@dataclass(frozen=True)
class Source(CaptionOptions, FileOptions):
    """Where images and captions come from.

    Attributes:
        data: Folder, zip, tar, WebDataset shards ("shards/{000..099}.tar", or a folder of them) or Hugging Face id.
        split: Split of a Hugging Face data set (train), or folder of that name.
        data_revision: Commit of a Hugging Face id.
        image_column: Column of the images of a Hugging Face data set; by default its only one.
    """

    data: tyro.conf.Positional[str]
    split: str | None = None
    data_revision: str | None = None
    image_column: str | None = None

    def __post_init__(self) -> None:
        CaptionOptions.__post_init__(self)
        FileOptions.__post_init__(self)


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
