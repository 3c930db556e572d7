"""The data of the small experiments: scikit-learn's digits, which come with the package, or images of the user's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from ambient.data.images import DataSetError, ImageOptions, ImageSet, IndexList, load_images, subset, to_unit
from ambient.data.images.subsets import write_index_list
from ambient.randomness import permutation
from ambient.runs.files import write_json

DataName = Literal["digits", "cifar10", "tiny-imagenet", "ffhq", "images"]
TRAIN_POOL, CLASSIFIER, HELD_OUT = 400, 500, 897
LABELLED = ("cifar10", "tiny-imagenet")
_MOST_HELD_OUT, _MOST_UNSEEN, _FEWEST = 10_000, 5_000, 60
_TEST_SPLIT: dict[str, Literal["test", "val"]] = {"CIFAR-10": "test", "Tiny ImageNet": "val"}


@dataclass(frozen=True)
class Source:
    """Where images come from, and in what form they are used.

    Attributes:
        data: Which data set.
        path: A file, a folder or a Hugging Face id; empty for digits.
        revision: Commit of the id.
        resolution: Side of the images; None keeps theirs.
        greyscale: Whether colour is dropped.
        labels: Whether class labels are read.
        skip_bad: Whether images that cannot be used are left out, instead of refusing the data set.
    """

    data: DataName = "digits"
    path: str = ""
    revision: str | None = None
    resolution: int | None = None
    greyscale: bool = False
    labels: bool = False
    skip_bad: bool = False


@dataclass(frozen=True, eq=False)
class Split:
    """One division of a data set; images are (N, C, H, W) float32 in [-1, 1].

    Attributes:
        train: The training images.
        index: Their indices in the data set, (N,).
        unseen: Real images that no model sees, of the kind that `train` was taken from; possibly none.
        held_out: Real images that samples are compared with.
        classifier: Images and labels for the features; the labels are None where the data set has none.
        labels: Classes of the training images, (N,); None where the data set has none.
        unseen_labels: Those of the unseen images.
        classes: Number of classes; 0 where the data set has none.
    """

    train: Tensor
    index: Tensor
    unseen: Tensor
    held_out: Tensor
    classifier: tuple[Tensor, Tensor | None]
    labels: Tensor | None = None
    unseen_labels: Tensor | None = None
    classes: int = 0


def split_of(source: Source, images: int, seed: int) -> Split:
    """A split of any data set.

    Args:
        source: The data set.
        images: Number of training images.
        seed: Which split.

    Raises:
        DataSetError: If the data cannot be read.
        ValueError: If there are too few images.
    """
    return digits(images, seed) if source.data == "digits" else _of_images(source, images, seed)


def digits(images: int, seed: int) -> Split:
    """A split of the 1,797 digits (8x8, one channel): 400 to train from, 500 for a classifier, 897 held out.

    Args:
        images: Number of training images, balanced over the ten classes as far as it divides; 2 to 400.
        seed: Which split; the division of the 1,797 and the choice of training images both follow from it.

    Raises:
        ValueError: If `images` is out of range.
    """
    if not 2 <= images <= TRAIN_POOL:
        raise ValueError(f"digits has between 2 and {TRAIN_POOL} training images a split, not {images}")
    bunch = load_digits()
    pixels = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 8 - 1
    labels = torch.tensor(bunch.target)
    order = permutation(len(pixels), "split", seed)
    pool, classifier, held_out = order.split([TRAIN_POOL, CLASSIFIER, HELD_OUT])
    pool = pool[_round_robin(labels[pool])]
    train, unseen = pool[:images], pool[images:]
    known = (pixels[classifier], labels[classifier])
    return Split(
        pixels[train],
        train,
        pixels[unseen],
        pixels[held_out],
        known,
        labels[train],
        labels[unseen],
        len(labels.unique()),
    )


def write_subset(path: Path, source: Source, images: int, seed: int) -> None:
    """Write down which images of the data set a split trains on, as JSON, unless that is there already."""
    if path.exists():
        return
    if source.data == "digits":
        write_json(path, {"data_set": "digits", "seed": seed, "indices": split_of(source, images, seed).index.tolist()})
        return
    data, chosen, balanced = _chosen(source, images, seed)
    write_index_list(path, IndexList(chosen, seed, balanced), data)


def read_subset(path: Path) -> list[int]:
    """The indices in a file of `write_subset`."""
    return list(json.loads(path.read_text())["indices"])


@cache
def _sets(source: Source) -> tuple[ImageSet, ImageSet | None]:
    """The training images, and those of the test split where the layout has one."""
    channels: Literal["grey", "rgb"] = "grey" if source.greyscale else "rgb"

    def load(split: Literal["test", "val"] | None) -> ImageSet:
        options = ImageOptions(
            split=split,
            resolution=source.resolution,
            channels=channels,
            labels=source.labels,
            skip_bad=source.skip_bad,
            revision=source.revision,
        )
        return load_images(source.path, options)

    train = load(None)
    height, width = train.pixels.shape[-2:]
    if height != width:
        raise DataSetError(f"{source.path}: the images are {width}x{height}, and must be square; set --resolution")
    test = _TEST_SPLIT.get(train.report.layout)
    return train, load(test) if test else None


def _chosen(source: Source, images: int, seed: int) -> tuple[ImageSet, Tensor, bool]:
    """The training images of the data set, the indices chosen, and whether each class gives equally many."""
    data, _ = _sets(source)
    if not 2 <= images <= len(data):
        raise ValueError(f"--images {images}: {source.path} has 2 to {len(data)} to train on")
    balanced = data.labels is not None and images % len(data.labels.unique()) == 0
    return data, subset(len(data), images, seed, data.labels, balanced), balanced


@cache
def _of_images(source: Source, images: int, seed: int) -> Split:
    """A split of a user's images.

    The training images are the beginning of a random order, of each class alike where the number divides. What they
    are compared with is the test split, if there is one, and the end of that order, so that it is the same for every
    number of training images that leaves enough.
    """
    data, chosen, _ = _chosen(source, images, seed)
    test = _sets(source)[1]
    order = permutation(len(data), "subset", seed).flip(0)
    taken = torch.zeros(len(data), dtype=torch.bool)
    taken[chosen] = True
    rest = order[~taken[order]]
    total, left = len(data), len(rest)
    pixels, labels = data.pixels, data.labels
    if test is not None:
        more = permutation(len(test), "split", seed) + len(data)
        pixels = torch.cat([pixels, test.pixels])
        labels = None if labels is None or test.labels is None else torch.cat([labels, test.labels])
        rest, total, left = torch.cat([more, rest]), total + len(test), left + len(test)
    if left < _FEWEST:
        raise ValueError(
            f"--images {images}: {source.path} has {total} images, and {_FEWEST} have to be left to compare with"
        )
    base = min(left, int(0.7 * total))
    held_out, classifier, unseen, _ = rest.split(
        _parts(left, min(int(0.4 * base), _MOST_HELD_OUT), min(int(0.3 * base), _MOST_HELD_OUT))
    )

    def take(rows: Tensor) -> Tensor:
        return to_unit(pixels[rows])

    if labels is None:
        return Split(take(chosen), chosen, take(unseen), take(held_out), (take(classifier), None))
    return Split(
        take(chosen),
        chosen,
        take(unseen),
        take(held_out),
        (take(classifier), labels[classifier]),
        labels[chosen],
        labels[unseen],
        len(data.classes),
    )


def _parts(left: int, held_out: int, classifier: int) -> list[int]:
    unseen = min(left - held_out - classifier, _MOST_UNSEEN)
    return [held_out, classifier, unseen, left - held_out - classifier - unseen]


def _round_robin(labels: Tensor) -> Tensor:
    """An order that takes one of each class in turn, so that every beginning of it is balanced."""
    turn = torch.empty_like(labels)
    for label in labels.unique():
        members = labels == label
        turn[members] = torch.arange(int(members.sum()))
    return (turn * (int(labels.max()) + 1) + labels).argsort()
