"""One call that reads a data set of images, whatever its layout, and says what is wrong with it."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ambient.data.images.layouts.cifar import find_batches, list_cifar
from ambient.data.images.layouts.folders import list_folder
from ambient.data.images.layouts.rows import is_hub_id, is_saved, list_hub
from ambient.data.images.layouts.tiny_imagenet import find_tiny_imagenet, list_tiny_imagenet
from ambient.data.images.listing import Entry, Listing
from ambient.data.images.options import ImageOptions
from ambient.data.images.pixels import fit, to_unit
from ambient.data.images.stores import Store, open_store
from ambient.data.images.text import described
from ambient.data.images.validation import DataSetError, Fault, Report, UnusableError, told, visible


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A data set of images in memory, held as bytes.

    Attributes:
        pixels: (N, C, H, W) uint8, C = 1 or 3.
        labels: Classes, (N,) int64 below `len(classes)`; None where they were not asked for.
        classes: Names of the classes.
        names: Name of each image inside the data set, made visible.
        report: What reading it found.
        fingerprint: SHA-256 of the images as they were before cropping, resizing and conversion, in order, and of their
            names: which images these are, at any resolution.
    """

    pixels: Tensor
    labels: Tensor | None
    classes: tuple[str, ...]
    names: tuple[str, ...]
    report: Report
    fingerprint: str

    def __len__(self) -> int:
        return len(self.pixels)

    @cached_property
    def images(self) -> Tensor:
        """The images, (N, C, H, W) float32 in [-1, 1]; converted once."""
        return to_unit(self.pixels)

    def take(self, index: Tensor) -> ImageSet:
        """The images at `index`, (M,), as a data set of the same report; its fingerprint tells it from the whole."""
        digest = hashlib.sha256(self.fingerprint.encode() + index.long().cpu().contiguous().numpy().tobytes())
        return replace(
            self,
            pixels=self.pixels[index],
            labels=None if self.labels is None else self.labels[index],
            names=tuple(self.names[i] for i in index.tolist()),
            fingerprint=digest.hexdigest(),
        )


@dataclass(frozen=True, eq=False)
class ImageList:
    """Images in memory whose sizes may differ, held as bytes.

    Attributes:
        arrays: Of each image, (C, H, W) uint8, C = 1 or 3 alike.
        labels, classes, names, report, fingerprint: As of `ImageSet`.
    """

    arrays: tuple[np.ndarray, ...]
    labels: Tensor | None
    classes: tuple[str, ...]
    names: tuple[str, ...]
    report: Report
    fingerprint: str

    def __len__(self) -> int:
        return len(self.arrays)

    def images(self) -> list[Tensor]:
        """The images, (C, H, W) float32 in [-1, 1] each."""
        return [to_unit(torch.from_numpy(np.array(array))) for array in self.arrays]


def load_images(source: str | os.PathLike[str], options: ImageOptions | None = None) -> ImageSet:
    """Read a data set of images and check every file of it.

    Recognised by content: CIFAR-10's archive or folder of batches; Tiny ImageNet's zip or folder; zips, tars and
    folders of images (formats: `pixels.decode`), with EDM's dataset.json or a folder for each class; Hugging Face data
    sets, saved or by hub id. What is no part of the data, such as hidden files, is listed in the report's `left_out`.

    Args:
        source: A file, a folder, or a hub id.
        options: How to read it; `ImageOptions()` by default.

    Raises:
        DataSetError: If it cannot be read, holds no images, is larger than the options allow, or any file of it cannot
            be used and `options.skip_bad` is not set. Its report lists every fault of every file.

    Warns:
        UserWarning: Of what is left out: how much of each kind, and the first names.
    """
    found = _load(source, options or ImageOptions(), any_size=False)
    pixels = np.empty((len(found), *found.arrays[0].shape), dtype=np.uint8)
    np.stack(found.arrays, out=pixels)
    return ImageSet(torch.from_numpy(pixels), found.labels, found.classes, found.names, found.report, found.fingerprint)


def load_each(source: str | os.PathLike[str], options: ImageOptions | None = None) -> ImageList:
    """Read a data set whose images may be of different sizes; else as `load_images`."""
    return _load(source, options or ImageOptions(), any_size=True)


def _load(source: str | os.PathLike[str], options: ImageOptions, *, any_size: bool) -> ImageList:
    path = Path(source)
    if is_saved(path) or (not path.exists() and is_hub_id(str(source))):
        return _read(str(source), list_hub(str(source), options), options, any_size)
    store = open_store(path, options)
    try:
        listing = _list(store, options)
        listing.faults[:0] = store.faults
        listing.left_out[:0] = store.left_out
        listing.warnings[:0] = store.notes
        return _read(str(source), listing, options, any_size)
    finally:
        store.close()


def _list(store: Store, options: ImageOptions) -> Listing:
    if (prefix := find_batches(store)) is not None:
        return list_cifar(store, prefix, options)
    if (prefix := find_tiny_imagenet(store)) is not None:
        return list_tiny_imagenet(store, prefix, options)
    return list_folder(store, options)


def _read(source: str, listing: Listing, options: ImageOptions, any_size: bool) -> ImageList:
    for warning in listing.warnings:
        warnings.warn(visible(warning), stacklevel=4)
    faults = list(listing.faults)
    entries: list[Entry] = []
    arrays: list[np.ndarray] = []
    digests: list[bytes] = []
    size = 0
    _check_total(source, _least_size(len(listing.entries[: options.limit]), options), options)
    for entry in listing.entries[: options.limit]:
        try:
            _check_label(entry, listing.classes, options)
            original = entry.load()
            arrays.append(fit(original, options.resolution, options.channels).transpose(2, 0, 1))
        except UnusableError as error:
            faults.append(error.fault(entry.name))
            continue
        entries.append(entry)
        digests.append(_digest(entry.name, original))
        size += arrays[-1].nbytes
        _check_total(source, size, options)
    kept = _alike(entries, arrays, faults, any_size)
    shown = tuple(map(visible, listing.warnings))
    report = Report(source, listing.layout, len(kept), tuple(faults), shown, tuple(listing.left_out))
    if faults and not options.skip_bad:
        raise DataSetError.of_report(report)
    # Texts beside the images are for the commands that read captions: nothing is lost where images alone are read.
    others = [item for item in listing.left_out if item.kind != "text beside the images"]
    for items in (faults, others):
        if items and kept:
            warnings.warn(f"{visible(source)}: left out: {told(items)}", stacklevel=4)
    if not kept:
        found = f": {report.summary()}" if faults else ""
        found += f"; left out: {told(report.left_out)}" if report.left_out else ""
        raise DataSetError(f"{source} ({listing.layout}) has no images that can be used{found}", report)
    pixels = tuple(arrays[i] for i in kept)
    labels = torch.tensor([entries[i].label for i in kept]) if options.labels else None
    names = tuple(visible(entries[i].name) for i in kept)
    fingerprint = hashlib.sha256(b"".join(digests[i] for i in kept)).hexdigest()
    return ImageList(pixels, labels, listing.classes, names, report, fingerprint)


def _least_size(images: int, options: ImageOptions) -> int:
    """Bytes that as many images take at least, so far as the options say it before anything is decoded."""
    return images * (options.resolution or 1) ** 2 * (3 if options.channels == "rgb" else 1)


def _check_total(source: str, size: int, options: ImageOptions) -> None:
    if size > options.largest_set:
        raise DataSetError(
            f"{source}: its pixels take over {size:,} bytes of memory, of which largest_set allows "
            f"{options.largest_set:,}; take fewer or smaller images, or raise largest_set"
        )


def _check_label(entry: Entry, classes: tuple[str, ...], options: ImageOptions) -> None:
    if not options.labels:
        return
    if entry.label is None:
        raise UnusableError("no label", "the data set gives it no class")
    if type(entry.label) is not int or not 0 <= entry.label < len(classes):
        raise UnusableError("wrong label", f"{described(entry.label)} is not one of the {len(classes)} classes")


def _alike(entries: list[Entry], arrays: list[np.ndarray], faults: list[Fault], any_size: bool) -> list[int]:
    """Positions of the arrays, (C, H, W), with the most frequent size and channels; a fault for every other.

    With `any_size` only the channels are looked at.
    """
    if not arrays:
        return []
    height, width = Counter(array.shape[1:] for array in arrays).most_common(1)[0][0]
    depth = Counter(len(array) for array in arrays).most_common(1)[0][0]
    kept = []
    for i, (entry, array) in enumerate(zip(entries, arrays, strict=True)):
        if array.shape[1:] != (height, width) and not any_size:
            found = f"{array.shape[2]}x{array.shape[1]} among {width}x{height}; make all equally large"
            faults.append(Fault("wrong size", entry.name, found))
        elif len(array) != depth:
            kinds = {1: "grey", 3: "colour"}
            found = f"{kinds[len(array)]} among {kinds[depth]} images; set channels to rgb or grey"
            faults.append(Fault("mixed channels", entry.name, found))
        else:
            kept.append(i)
    return kept


def _digest(name: str, pixels: np.ndarray) -> bytes:
    digest = hashlib.sha256(f"{name}\0{pixels.shape}\0".encode(errors="surrogateescape"))
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()
