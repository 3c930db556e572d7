"""What every kind of data set is turned into before its pixels are read: a list of entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ambient.data.images.names import sort_out
from ambient.data.images.options import FileOptions
from ambient.data.images.pixels import decode
from ambient.data.images.stores import Store
from ambient.data.images.validation import Fault, LeftOut, some, visible

MOST_CLASSES = 1 << 20
"""A class number of a million or more is a mistake, and no list of as many names is made for it."""


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
    def of_file(cls, store: Store, name: str, options: FileOptions, label: int | None = None) -> Entry:
        """An image file in a store."""
        return cls(name, lambda: decode(store.read(name), options), label)


@dataclass
class Listing:
    """A data set before its pixels are read.

    Attributes:
        layout: What it was recognised as, in words.
        entries: Its images, in the order that decides their indices.
        classes: Names of the classes; labels lie below their number.
        faults: What is wrong beyond single images.
        warnings: What the user should know.
        left_out: What is no part of the data.
    """

    layout: str
    entries: list[Entry]
    classes: tuple[str, ...] = ()
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out(self, store: Store, names: Iterable[str], where: str) -> None:
        """Note files that this layout does not use; for images and archives among them, with a warning."""
        found = sort_out(names)
        self.left_out += [LeftOut("text beside the images", name) for name in found.texts]
        self.left_out += [LeftOut("not an image", fault.name) for fault in found.faults]
        self.left_out += [LeftOut("of another layout", name) for name in found.images]
        self.left_out += found.left_out
        if found.images:
            self.warnings.append(f"{store.path}: {_counted(found.images, 'images')} {where} are not read")
        self.warnings += archives_inside(store, found.left_out)


def archives_inside(store: Store, left_out: list[LeftOut]) -> list[str]:
    """A warning if there are archives beside what is read."""
    names = [item.name for item in left_out if item.kind == "archive inside"]
    return [f"{store.path}: {_counted(names, 'archive(s)')} beside the data are not read; unpack them"] if names else []


def _counted(names: list[str], what: str) -> str:
    return f"{len(names)} {what} ({visible(some(names, len(names)))})"


def class_numbers(labels: Iterable[object]) -> Iterator[int]:
    """The labels that can be class numbers."""
    return (label for label in labels if type(label) is int and 0 <= label < MOST_CLASSES)
