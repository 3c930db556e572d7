"""Plain folders and zips of images, and EDM's: an uncompressed zip of PNG files with labels in dataset.json."""

from __future__ import annotations

import json
from typing import Any

from ambient.data.images.archive import Store
from ambient.data.images.listing import Entry, ImageOptions, Listing, image_names
from ambient.data.images.validation import DataSetError, Fault, UnusableError

_JSON = "dataset.json"


def list_folder(store: Store, options: ImageOptions) -> Listing:
    """The images of a folder or archive, sorted by name.

    With `options.split` only those below the folder of that name. Labels come from dataset.json, {"labels": [[name,
    class], ...]}, where there is one; else the class is the first folder of the name, numbered in sorted order.

    Raises:
        DataSetError: If the split has no folder, or labels are asked for and dataset.json says there are none.
    """
    below = f"{options.split}/" if options.split else ""
    names = [name for name in store.names if name.startswith(below)]
    if options.split and not names:
        raise DataSetError(f"{store.path} has no folder {options.split}; leave the split out to read everything")
    images, faults = image_names(names)
    if below + _JSON in names:
        return _with_json(store, below, images, faults, options)
    if not options.labels:
        return Listing("images", [Entry.of_file(store, name) for name in images], (), faults)
    folders = {name: name[len(below) :].split("/")[0] for name in images if "/" in name[len(below) :]}
    classes = tuple(sorted(set(folders.values())))
    number = {folder: i for i, folder in enumerate(classes)}
    entries = [Entry.of_file(store, name, number.get(folders.get(name, ""))) for name in images]
    return Listing("images in a folder for each class", entries, classes, faults)


def _with_json(store: Store, below: str, images: list[str], faults: list[Fault], options: ImageOptions) -> Listing:
    listing = Listing("images with dataset.json", [], (), faults)
    try:
        pairs = _pairs(store.read(below + _JSON))
    except UnusableError as error:
        listing.faults.append(error.fault(below + _JSON))
        pairs = None
    if pairs is None and options.labels and not listing.faults:
        raise DataSetError(f"{store.path}: its {_JSON} has no labels; read it without labels")
    labels: dict[str, int] = {}
    seen: set[str] = set()
    for name, label in pairs or []:
        if name in seen:
            faults.append(Fault("duplicate name", below + name, f"{_JSON} names it twice"))
        elif below + name not in images:
            faults.append(Fault("missing file", below + name, f"{_JSON} names it"))
        elif isinstance(label, bool) or not isinstance(label, int) or label < 0:
            faults.append(Fault("wrong label", below + name, f"{label!r} is not a class number"))
        else:
            labels[below + name] = label
        seen.add(name)
    # An image whose label is at fault is dropped from the entries, so that it is reported once.
    at_fault = {fault.name for fault in faults}
    listing.entries = [Entry.of_file(store, name, labels.get(name)) for name in images if name not in at_fault]
    listing.classes = tuple(map(str, range(max(labels.values(), default=-1) + 1)))
    if pairs is not None and (unused := sorted(set(range(len(listing.classes))) - set(labels.values()))):
        listing.warnings.append(f"{store.path}: no image is of the classes {', '.join(map(str, unused[:10]))}")
    return listing


def _pairs(content: bytes) -> list[tuple[str, Any]] | None:
    """The names and labels of a dataset.json; None if it gives no labels."""
    try:
        labels = json.loads(content)["labels"]
        return None if labels is None else [(str(name), label) for name, label in labels]
    except (ValueError, TypeError, KeyError) as error:
        raise UnusableError("damaged", 'it must be {"labels": [[name, class], ...]} or {"labels": null}') from error
