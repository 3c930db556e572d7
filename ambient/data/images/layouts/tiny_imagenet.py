"""Tiny ImageNet (Le and Yang 2015) as it is distributed: train/<wnid>/images/*.JPEG and val with its annotations."""

from __future__ import annotations

import re

from ambient.data.images.listing import Entry, Listing, archives_inside
from ambient.data.images.names import sort_out
from ambient.data.images.options import ImageOptions
from ambient.data.images.stores import Store
from ambient.data.images.text import decode_text, described, lines
from ambient.data.images.validation import DataSetError, Fault, LeftOut, UnusableError, visible

_ANNOTATIONS = "val_annotations.txt"
_WNID = re.compile(r"n\d{8}")
_VAL_IMAGE = re.compile(r"val/images/val_\d+\.JPEG")


def find_tiny_imagenet(store: Store) -> str | None:
    """What comes before "train/<wnid>/" or "wnids.txt" in the names, or None if this is not Tiny ImageNet."""
    for name in store.names:
        parts = name.split("/")
        for depth in (0, 1):
            rest = parts[depth:]
            in_train = len(rest) == 4 and rest[0] == "train" and bool(_WNID.fullmatch(rest[1]))
            in_val = rest in (["val", _ANNOTATIONS], ["wnids.txt"]) or bool(_VAL_IMAGE.fullmatch("/".join(rest)))
            if in_train or in_val:
                return "/".join([*parts[:depth], ""])
    return None


def list_tiny_imagenet(store: Store, prefix: str, options: ImageOptions) -> Listing:
    """The images of one split, sorted by name; classes are the sorted wnids, the same for both splits.

    Raises:
        DataSetError: If labels of the test split are asked for, which were never published.
    """
    split = options.split or "train"
    if split == "test" and options.labels:
        raise DataSetError(f"{store.path}: Tiny ImageNet's test split has no labels; take val, or read without labels")
    faults: list[Fault] = []
    classes = _classes(store, prefix, faults)
    below = f"{prefix}{split}/"
    found = sort_out(name for name in store.names if name.startswith(below))
    images = found.images
    listing = Listing("Tiny ImageNet", [], classes, [*faults, *found.faults])
    listing.left_out += [LeftOut("text beside the images", name) for name in found.texts] + found.left_out
    parts = tuple(f"{prefix}{part}/" for part in ("train", "val", "test"))
    listing.leave_out(store, (name for name in store.names if not name.startswith(parts)), "beside the splits")
    listing.warnings += archives_inside(store, found.left_out)
    labels = {name: name.removeprefix(below).split("/")[0] for name in images} if split == "train" else {}
    if split == "val" and options.labels:
        labels = _annotations(store, below, images, listing.faults)
    number = {wnid: i for i, wnid in enumerate(classes)}
    at_fault = {fault.name for fault in listing.faults}
    for name in images:
        if visible(name) in at_fault:
            continue
        wnid = labels.get(name)
        if wnid is not None and wnid not in number:
            listing.faults.append(Fault("wrong label", name, f"class {wnid} is not one of the {len(classes)}"))
        else:
            listing.entries.append(Entry.of_file(store, name, options, None if wnid is None else number[wnid]))
    return listing


def _classes(store: Store, prefix: str, faults: list[Fault]) -> tuple[str, ...]:
    """The sorted wnids: those of wnids.txt, or else the folders of the training images."""
    name = f"{prefix}wnids.txt"
    if name in store.names:
        return tuple(sorted(_text(store, name, faults).split()))
    below = f"{prefix}train/"
    return tuple(sorted({name.removeprefix(below).split("/")[0] for name in store.names if name.startswith(below)}))


def _annotations(store: Store, below: str, images: list[str], faults: list[Fault]) -> dict[str, str]:
    """The wnid of each validation image, from lines of file name, wnid and box."""
    name = below + _ANNOTATIONS
    if name not in store.names:
        faults.append(Fault("missing file", name, "the labels of the validation images are in it"))
        return {}
    present = set(images)
    labels: dict[str, str] = {}
    for number, line in enumerate(lines(_text(store, name, faults)), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 2:
            faults.append(Fault("damaged", f"{name}, line {number}", f"not a file name and a class: {described(line)}"))
            continue
        image = f"{below}images/{fields[0]}"
        if image in labels:
            faults.append(Fault("duplicate name", image, f"{name} names it again in line {number}"))
        elif image not in present:
            faults.append(Fault("missing file", image, f"named in line {number} of {name}"))
        else:
            labels[image] = fields[1]
    return labels


def _text(store: Store, name: str, faults: list[Fault]) -> str:
    try:
        return decode_text(store.read(name))
    except UnusableError as error:
        faults.append(error.fault(name))
    return ""
