"""Where the images and captions of the SDXL commands are: options that import nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

import tyro

from ambient.data.images.options import CaptionOptions, FileOptions


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
