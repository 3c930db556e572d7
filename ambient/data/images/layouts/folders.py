"""Plain folders and archives of images, and EDM's: an uncompressed zip of PNG files with labels in dataset.json."""

from __future__ import annotations

from typing import Any

from ambient.data.images.listing import MOST_CLASSES, Entry, Listing, archives_inside, class_numbers
from ambient.data.images.names import sort_out
from ambient.data.images.options import ImageOptions
from ambient.data.images.stores import Store
from ambient.data.images.text import described, parse_json
from ambient.data.images.validation import DataSetError, Fault, LeftOut, UnusableError, some

_JSON = "dataset.json"
_SPLITS = frozenset(("train", "training", "test", "testing", "val", "valid", "validation", "dev"))


def list_folder(store: Store, options: ImageOptions) -> Listing:
    """The images of a folder or archive, sorted by name.

    With `options.split` only those below the folder of that name. Labels come from dataset.json, {"labels": [[name,
    class], ...]}, where there is one; else the class is the first folder of the name, numbered in sorted order.

    Raises:
        DataSetError: If the split has no folder, or labels are asked for and dataset.json says there are none.
    """
    below, names = names_of_split(store, options.split)
    found = sort_out(names)
    listing = Listing("images", [], (), found.faults, archives_inside(store, found.left_out), found.left_out)
    listing.left_out += [LeftOut("text beside the images", name) for name in found.texts if name != below + _JSON]
    listing.warnings += several_splits(store, below, found.images)
    if below + _JSON in found.texts:
        listing.layout = "images with dataset.json"
        _add_json(listing, store, below, found.images, options)
        return listing
    folders = {name: _first_folder(name, below) for name in found.images}
    if options.labels:
        listing.layout = "images in a folder for each class"
        listing.classes = tuple(sorted({folder for folder in folders.values() if folder}))
    number = {folder: i for i, folder in enumerate(listing.classes)}
    listing.entries = [Entry.of_file(store, name, options, number.get(folders[name])) for name in found.images]
    return listing


def names_of_split(store: Store, split: str | None) -> tuple[str, list[str]]:
    """The folder of a split, with a slash behind it, and the names below it; all names where no split is asked for.

    Raises:
        DataSetError: If there is no such folder.
    """
    below = f"{split}/" if split else ""
    names = [name for name in store.names if name.startswith(below)]
    if split and not names:
        folders = sorted({name.split("/")[0] for name in store.names if "/" in name})
        there = f"it has {some(folders, len(folders), 9)}" if folders else "it has no folders"
        raise DataSetError(f"{store.path} has no folder {split}; {there}; leave the split out to read everything")
    return below, names


def several_splits(store: Store, below: str, images: list[str]) -> list[str]:
    """A warning where folders that are named like splits are read together."""
    found = sorted({folder for name in images if (folder := _first_folder(name, below)).lower() in _SPLITS})
    if len(found) < 2:
        return []
    return [f"{store.path}: the folders {', '.join(found)} are read together; choose one of them with split"]


def _first_folder(name: str, below: str) -> str:
    return name.removeprefix(below).rpartition("/")[0].split("/")[0]


def _add_json(listing: Listing, store: Store, below: str, images: list[str], options: ImageOptions) -> None:
    """The entries and classes that dataset.json gives. An image whose label is at fault is reported once."""
    faults = listing.faults
    pairs = None
    try:
        pairs = read_labels(store.read(below + _JSON))
    except UnusableError as error:
        faults.append(error.fault(below + _JSON))
    else:
        if pairs is None and options.labels:
            raise DataSetError(f"{store.path}: its {_JSON} has no labels; read it without labels")
    present = set(images)
    labels: dict[str, int] = {}
    at_fault: set[str] = set()
    for short, label in pairs or []:
        name = below + short
        if name in labels or name in at_fault:
            faults.append(Fault("duplicate name", name, f"{_JSON} names it twice"))
        elif name not in present:
            faults.append(Fault("missing file", name, f"{_JSON} names it"))
        elif type(label) is not int or label < 0:
            faults.append(Fault("wrong label", name, f"{described(label)} is not a class number"))
        elif label >= MOST_CLASSES:
            faults.append(Fault("wrong label", name, f"class {described(label)} is above {MOST_CLASSES - 1:,}"))
        else:
            labels[name] = label
            continue
        at_fault.add(name)
    listing.entries = [Entry.of_file(store, name, options, labels.get(name)) for name in images if name not in at_fault]
    used = set(class_numbers(labels.values()))
    listing.classes = tuple(map(str, range(max(used, default=-1) + 1)))
    unused = len(listing.classes) - len(used)
    if pairs is not None and unused:
        first = some((str(i) for i in range(len(listing.classes)) if i not in used), unused, 10)
        listing.warnings.append(f"{store.path}: no image is of the classes {first}")


def read_labels(content: bytes) -> list[tuple[str, Any]] | None:
    """The names and labels of a dataset.json; None if it gives no labels. Raises `UnusableError` if it is none."""
    try:
        labels = parse_json(content)["labels"]
        return None if labels is None else [(str(name), label) for name, label in labels]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnusableError("damaged", 'it must be {"labels": [[name, class], ...]} or {"labels": null}') from error
