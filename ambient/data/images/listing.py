"""What every kind of data set is turned into before its pixels are read: a list of entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

import numpy as np

from ambient.data.images.archive import Store
from ambient.data.images.pixels import Channels, decode
from ambient.data.images.validation import Fault

Split = Literal["train", "test", "val"]


@dataclass(frozen=True)
class ImageOptions:
    """How a data set is read.

    Attributes:
        split: Which part; by default the training images where the data set has splits, else everything.
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

    split: Split | None = None
    resolution: int | None = None
    channels: Channels = "keep"
    labels: bool = False
    limit: int | None = None
    skip_bad: bool = False
    revision: str | None = None
    image_column: str | None = None
    label_column: str | None = None

    def __post_init__(self) -> None:
        for name in ("resolution", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True)
class Entry:
    """One image of a data set, not yet read.

    Attributes:
        name: Its name inside the data set.
        load: Reads its pixels, (H, W, C) uint8; raises `UnusableError`.
        label: Its class, if it has one.
    """

    name: str
    load: Callable[[], np.ndarray]
    label: int | None = None

    @classmethod
    def of_file(cls, store: Store, name: str, label: int | None = None) -> Entry:
        """An image file in a store."""
        return cls(name, lambda: decode(store.read(name)), label)


@dataclass
class Listing:
    """A data set before its pixels are read.

    Attributes:
        layout: What it was recognised as, in words.
        entries: Its images, in the order that decides their indices.
        classes: Names of the classes; labels lie below their number.
        faults: What is wrong beyond single images.
        warnings: What the user should know.
    """

    layout: str
    entries: list[Entry]
    classes: tuple[str, ...] = ()
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


_IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
_SIDECARS = {".json", ".jsonl", ".txt", ".md", ".csv", ".html", ".ini", ".db", ".xml", ".sha256", ".md5"}


def image_names(names: Iterable[str]) -> tuple[list[str], list[Fault]]:
    """The names of image files, and a fault for each that is neither an image nor a text beside them."""
    images, faults = [], []
    for name in names:
        path = PurePosixPath(name)
        if path.suffix.lower() in _IMAGE_SUFFIXES:
            images.append(name)
        elif path.suffix.lower() not in _SIDECARS and path.name not in ("LICENSE", "README", "SHA256SUMS"):
            faults.append(Fault("not an image", name, "neither .png, .jpg, .jpeg nor .webp"))
    return images, faults
