"""How data sets of images are read: what a command line may say. Nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

Channels = Literal["keep", "grey", "rgb"]


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """What a file may be, checked before it is read or decoded: files of others may be huge, endless or elsewhere.

    Attributes:
        largest_image: Most pixels of one image (2^26: 8,192 x 8,192).
        largest_file: Most bytes of one file or member of an archive (256 MiB).
        follow_links: Read also what symbolic links outside the data set's folder point to.
        white: The value of white in 16-bit grey images (65535, or 4095 for 12 bits): v becomes 255 v / white, rounded.
            None refuses 16-bit images.
    """

    largest_image: int = 1 << 26
    largest_file: int = 1 << 28
    follow_links: bool = False
    white: int | None = None

    def __post_init__(self) -> None:
        for name in ("largest_image", "largest_file"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.white is not None and not 255 <= self.white <= 65535:
            raise ValueError(f"white must lie in 255 .. 65535, got {self.white}")


@dataclass(frozen=True, kw_only=True)
class SetOptions(FileOptions):
    """What a whole set may be that is held in memory.

    Attributes:
        largest_set: Most bytes of pixels of the whole set, which is held in memory (8 GiB).
    """

    largest_set: int = 1 << 33

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.largest_set < 1:
            raise ValueError(f"largest_set must be at least 1, got {self.largest_set}")

    def bounds(self) -> dict[str, Any]:
        """These options alone, by name."""
        return {each.name: getattr(self, each.name) for each in fields(SetOptions)}


@dataclass(frozen=True)
class ImageOptions(SetOptions):
    """How a data set is read.

    Attributes:
        split: Which part, such as train, test or val; by default the training images where the data set has splits,
            else everything.
        resolution: Side of the square images: the centre is cut out and reduced (Lanczos). None keeps the size, and all
            images must then be equally large.
        channels: "rgb" repeats grey images three times, "grey" takes the luma of colour images, "keep" allows one kind.
        labels: Read class labels, and refuse images that have none.
        limit: Read only this many images from the beginning, for a quick look; for a fair choice take a `subset`.
        skip_bad: Leave out what cannot be used, instead of refusing the data set.
        revision: Commit of a data set on the Hugging Face hub, which is read only if one is given.
        image_column: Column of a Hugging Face data set that holds the images; None finds the only one.
        label_column: Column that holds the labels; None finds the only class label.
    """

    split: str | None = None
    resolution: int | None = None
    channels: Channels = "keep"
    labels: Annotated[bool, tyro.conf.arg(name="classes")] = False
    limit: int | None = None
    skip_bad: bool = False
    revision: str | None = None
    image_column: str | None = None
    label_column: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("resolution", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True, kw_only=True)
class CaptionOptions:
    """Where the captions of images come from.

    Attributes:
        captions: JSON lines, CSV or parquet with file_name (or file) and the caption; by default the metadata or
            captions files in the data, or else the .txt, .caption or .json beside each image.
        caption_column: Name of the caption in these, or column of a Hugging Face data set.
        caption: One caption for all images, in place of their own; "" is the null caption.
        without_caption: What becomes of an image without a caption: error, the null caption, or it is left out.
        which_caption: Which caption is used where an image has several, counted from 0.
    """

    captions: Path | None = None
    caption_column: str = "text"
    caption: str | None = None
    without_caption: Literal["error", "null", "skip"] = "error"
    which_caption: int = 0

    def __post_init__(self) -> None:
        if self.which_caption < 0:
            raise ValueError(f"which_caption must be at least 0, got {self.which_caption}")
