"""CIFAR-10 as its authors distribute it (Krizhevsky 2009): pickled batches of 32x32 images, in an archive or a folder.

A pickle is a program: these are read by `ambient.data.images.pickles`, which runs none of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ambient.data.images.listing import Entry, Listing
from ambient.data.images.options import ImageOptions
from ambient.data.images.pickles import read_pickle
from ambient.data.images.stores import Store
from ambient.data.images.text import described
from ambient.data.images.validation import DataSetError, Fault, UnusableError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# MD5 of the official files, as torchvision checks them.
OFFICIAL_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
_BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}


def find_batches(store: Store) -> str | None:
    """What comes before "data_batch_1" in the store's names: where CIFAR-10 lies, or None if it is not there."""
    for name in store.names:
        head, _, last = name.rpartition("/")
        if last in OFFICIAL_MD5 and head.count("/") == 0:
            return f"{head}/" if head else ""
    return None


def list_cifar(store: Store, prefix: str, options: ImageOptions) -> Listing:
    """The images of CIFAR-10 in official order, named by batch and position.

    Files that are not the official ones, such as batches cut short, are read with one warning.

    Raises:
        DataSetError: If a split is asked for that CIFAR-10 does not have.
    """
    split = options.split or "train"
    if split not in _BATCHES:
        raise DataSetError(f"{store.path}: CIFAR-10 has the splits train and test, not {split}")
    listing = Listing("CIFAR-10", [], CLASSES)
    known = {prefix + name for name in (*OFFICIAL_MD5, "batches.meta", "readme.html")}
    listing.leave_out(store, (name for name in store.names if name not in known), "beside CIFAR-10's batches")
    unofficial = []
    for batch in _BATCHES[split]:
        if prefix + batch not in store.names:
            listing.faults.append(Fault("missing file", batch, f"the {split} split needs it"))
            continue
        try:
            content = store.read(prefix + batch)
            listing.entries += _entries(batch, read_pickle(content))
        except UnusableError as error:
            listing.faults.append(error.fault(batch))
            continue
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != OFFICIAL_MD5[batch]:
            unofficial.append(batch)
    if unofficial:
        listing.warnings.append(
            f"{store.path} is not the official CIFAR-10: the md5 sums of {', '.join(unofficial)} differ "
            f"({len(listing.entries)} {split} images, officially {10_000 * len(_BATCHES[split])})"
        )
    return listing


def _entries(batch: str, content: Any) -> list[Entry]:
    if not isinstance(content, dict) or not {"data", "labels"} <= content.keys():
        raise UnusableError("wrong batch", "it has not the keys data and labels")
    data, labels = content["data"], content["labels"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        found = f"{data.dtype} of shape {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise UnusableError("wrong batch", f"its data must be uint8 of shape (N, 3072), and are {found}")
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu":
        labels = labels.tolist()
    if not isinstance(labels, list) or len(labels) != len(data):
        found = f"{len(labels)} labels" if isinstance(labels, list) else f"{described(labels)} for labels"
        raise UnusableError("wrong batch", f"{len(data)} images and {found}")
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return [Entry(f"{batch}/{i:05d}", _row(images, i), label) for i, label in enumerate(labels)]


def _row(images: np.ndarray, i: int) -> Callable[[], np.ndarray]:
    return lambda: np.ascontiguousarray(images[i])
