"""The data of the small experiments: scikit-learn's digits, which come with the package, or images of the user's.

A data set is read once, by `load_data`; its splits are then made from what is in memory.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from ambient.data.images import DataSetError, ImageOptions, ImageSet, IndexList, load_images, subset, to_unit
from ambient.data.images.subsets import read_index_list, write_index_list
from ambient.randomness import permutation
from ambient.runs.results import read_results, write_results
from toy.duplicates import Duplicates, first_of_each, part_together
from toy.names import DIGITS_TO_TRAIN_ON
from toy.options import SourceOptions

CLASSIFIER, HELD_OUT = 500, 897
"""Digits that the classifier is trained on, and that samples are compared with."""
_MOST_HELD_OUT, _MOST_UNSEEN, _FEWEST = 10_000, 5_000, 60
_TEST_SPLIT: dict[str, Literal["test", "val"]] = {"CIFAR-10": "test", "Tiny ImageNet": "val"}


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
        duplicates: How many exact duplicates there are among the training images, and of them.
    """

    train: Tensor
    index: Tensor
    unseen: Tensor
    held_out: Tensor
    classifier: tuple[Tensor, Tensor | None]
    labels: Tensor | None = None
    unseen_labels: Tensor | None = None
    classes: int = 0
    duplicates: Duplicates = Duplicates()


class DataSet(Protocol):
    """Images in memory that can be divided."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in order; none where the images have no classes."""

    def some(self, numbers: int) -> Tensor:
        """Images spread evenly over those that can be trained on, (M, C, H, W) in [-1, 1], of so many values at most
        and at least one image."""

    def split(self, images: int, seed: int) -> Split:
        """The division `seed` with that many training images.

        Raises:
            ValueError: If there are too few images.
        """

    def claim_subset(self, path: Path, index: Tensor, seed: int) -> None:
        """Write down, as JSON, which images the division `seed` trains on, or check that it is what the file says.

        Warns:
            UserWarning: If the file is damaged, and made again.

        Raises:
            ValueError: If it lists other images, or those of another data set.
        """


def load_data(source: SourceOptions) -> DataSet:
    """Read a data set.

    Raises:
        DataSetError: If it cannot be read.
    """
    return Digits() if source.data == "digits" else Pictures(source)


def split_of(source: SourceOptions, images: int, seed: int) -> Split:
    """One split of a data set that is read for it; for several, `load_data` once.

    Raises:
        DataSetError: If the data cannot be read.
        ValueError: If there are too few images.
    """
    return load_data(source).split(images, seed)


def read_subset(path: Path) -> list[int]:
    """The indices in a file of `DataSet.claim_subset`."""
    return list(read_results(path, "indices")["indices"])


class Digits:
    """The 1,797 digits (8x8, one channel): in each split 400 to train from, 500 for a classifier, 897 held out.

    No two of them are equal.
    """

    def __init__(self) -> None:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        self.pixels = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 8 - 1
        self.labels = torch.tensor(bunch.target)

    @property
    def class_names(self) -> tuple[str, ...]:
        """As `DataSet.class_names`."""
        return tuple(map(str, range(len(torch.unique(self.labels)))))

    def some(self, numbers: int) -> Tensor:
        """As `DataSet.some`."""
        return self.pixels[_spread(self.pixels, numbers)]

    def split(self, images: int, seed: int) -> Split:
        """A split.

        Args:
            images: Number of training images, balanced over the ten classes as far as it divides; 2 to 400.
            seed: Which; the division of the 1,797 and the choice of training images both follow from it.

        Raises:
            ValueError: If `images` is out of range.
        """
        if not 2 <= images <= DIGITS_TO_TRAIN_ON:
            raise ValueError(f"digits has between 2 and {DIGITS_TO_TRAIN_ON} training images a split, not {images}")
        pixels, labels = self.pixels, self.labels
        order = permutation(len(pixels), "split", seed)
        pool, classifier, held_out = torch.split(order, [DIGITS_TO_TRAIN_ON, CLASSIFIER, HELD_OUT])
        pool = pool[_round_robin(labels[pool])]
        train, unseen = pool[:images], pool[images:]
        return Split(
            train=pixels[train],
            index=train,
            unseen=pixels[unseen],
            held_out=pixels[held_out],
            classifier=(pixels[classifier], labels[classifier]),
            labels=labels[train],
            unseen_labels=labels[unseen],
            classes=len(torch.unique(labels)),
        )

    def claim_subset(self, path: Path, index: Tensor, seed: int) -> None:
        """As `DataSet.claim_subset`."""
        if not _is_list(path):
            write_results(path, {"data_set": "digits", "seed": seed, "indices": index.tolist()})
        _check_indices(path, index)


class Pictures:
    """Images of the user's: what is trained on, and the test split where the layout has one.

    Raises:
        DataSetError: If they cannot be read.
    """

    def __init__(self, source: SourceOptions) -> None:
        self.path = str(source.source)
        self.data = self._load(source, None)
        height, width = self.data.pixels.shape[-2:]
        if height != width:
            raise DataSetError(f"{self.path}: the images are {width}x{height}, and must be square; set --resolution")
        test = _TEST_SPLIT.get(self.data.report.layout)
        self.test = self._load(source, test) if test else None
        self._firsts = first_of_each(self._all()[0])

    @property
    def class_names(self) -> tuple[str, ...]:
        """As `DataSet.class_names`."""
        return self.data.classes

    def some(self, numbers: int) -> Tensor:
        """As `DataSet.some`."""
        return to_unit(self.data.pixels[_spread(self.data.pixels, numbers)])

    def _load(self, source: SourceOptions, split: Literal["test", "val"] | None) -> ImageSet:
        options = ImageOptions(
            split=split,
            resolution=source.resolution,
            channels="grey" if source.greyscale else "rgb",
            labels=source.labelled,
            skip_bad=source.skip_bad,
            revision=source.revision,
            **source.bounds(),
        )
        return load_images(self.path, options)

    def split(self, images: int, seed: int) -> Split:
        """A split.

        The training images are the beginning of a random order, of each class alike where the number divides. What
        they are compared with is the test split, if there is one, and the end of that order, so that it is the same for
        every number of training images that leaves enough. No image is in two parts: copies of a training image are
        left out, and of the others every copy goes where the first goes.

        Args:
            images: Number of training images.
            seed: Which.

        Raises:
            ValueError: If there are too few images.
        """
        data = self.data
        if not 2 <= images <= len(data):
            raise ValueError(f"--images {images}: {self.path} has 2 to {len(data)} to train on")
        try:
            chosen = subset(len(data), images, seed, data.labels, self._balanced(images))
        except ValueError as error:
            raise ValueError(f"--images {images}: {error}") from error
        different = len(torch.unique(self._firsts[chosen]))
        if different < 2:
            raise ValueError(f"--images {images}: those of split {seed} are one and the same; take more")
        others = self._rest(chosen, seed)
        rest = others[~torch.isin(self._firsts[others], self._firsts[chosen])]
        total, copies = len(self._firsts), len(self._firsts) - len(torch.unique(self._firsts))
        if len(torch.unique(self._firsts[rest])) < _FEWEST:
            exact = f", {copies} of them exact copies of others" if copies else ""
            raise ValueError(
                f"--images {images}: {self.path} has {total} images{exact}, and {_FEWEST} have to be left to compare "
                "with"
            )
        parts = part_together(self._firsts[rest], _sizes(len(rest), total))
        held_out, classifier, unseen, _ = (rest[part] for part in parts)
        pixels, labels = self._all()

        def take(rows: Tensor) -> Tensor:
            return to_unit(pixels[rows])

        return Split(
            train=take(chosen),
            index=chosen,
            unseen=take(unseen),
            held_out=take(held_out),
            classifier=(take(classifier), None if labels is None else labels[classifier]),
            labels=None if labels is None else labels[chosen],
            unseen_labels=None if labels is None else labels[unseen],
            classes=0 if labels is None else len(data.classes),
            duplicates=Duplicates(images - different, len(others) - len(rest)),
        )

    def claim_subset(self, path: Path, index: Tensor, seed: int) -> None:
        """As `DataSet.claim_subset`; what is written has the images' names."""
        if not _is_list(path):
            write_index_list(path, IndexList(index, seed, self._balanced(len(index))), self.data)
        read_index_list(path, self.data)
        _check_indices(path, index)

    def _balanced(self, images: int) -> bool:
        """Whether each class gives equally many training images."""
        return self.data.labels is not None and images % len(torch.unique(self.data.labels)) == 0

    def _rest(self, chosen: Tensor, seed: int) -> Tensor:
        """Rows of `_all` that are not trained on: the test split first, then the rest in reversed order."""
        order = permutation(len(self.data), "subset", seed).flip(0)
        taken = torch.zeros(len(self.data), dtype=torch.bool)
        taken[chosen] = True
        rest = order[~taken[order]]
        if self.test is None:
            return rest
        return torch.cat([permutation(len(self.test), "split", seed) + len(self.data), rest])

    def _all(self) -> tuple[Tensor, Tensor | None]:
        """The training images and after them the test images, (N, C, H, W) uint8, and their labels."""
        if self.test is None:
            return self.data.pixels, self.data.labels
        pixels = torch.cat([self.data.pixels, self.test.pixels])
        if self.data.labels is None or self.test.labels is None:
            return pixels, None
        return pixels, torch.cat([self.data.labels, self.test.labels])


def _spread(images: Tensor, numbers: int) -> Tensor:
    """Rows of `images`, evenly spread, that hold so many values at most, and at least one row."""
    count = min(len(images), max(1, numbers // images[0].numel()))
    return torch.linspace(0, len(images) - 1, count, dtype=torch.float64).round().long()


def _is_list(path: Path) -> bool:
    """Whether a file lists images; says so if it is there and does not."""
    if not path.exists():
        return False
    try:
        return bool(read_subset(path))
    except (OSError, TypeError):
        warnings.warn(f"{path} is damaged; it is made again", stacklevel=3)
        return False


def _check_indices(path: Path, index: Tensor) -> None:
    if read_subset(path) != index.tolist():
        raise ValueError(
            f"{path} lists other training images than this version chooses, and the models beside it were trained on "
            "them; choose another --output"
        )


def _sizes(left: int, total: int) -> list[int]:
    """How many of the `left` images are held out, for the classifier, unseen, and not used."""
    base = min(left, int(0.7 * total))
    held_out, classifier = min(int(0.4 * base), _MOST_HELD_OUT), min(int(0.3 * base), _MOST_HELD_OUT)
    unseen = min(left - held_out - classifier, _MOST_UNSEEN)
    return [held_out, classifier, unseen, left - held_out - classifier - unseen]


def _round_robin(labels: Tensor) -> Tensor:
    """An order that takes one of each class in turn, so that every beginning of it is balanced."""
    turn = torch.empty_like(labels)
    for label in torch.unique(labels):
        members = labels == label
        turn[members] = torch.arange(int(members.sum()))
    return (turn * (int(labels.max()) + 1) + labels).argsort()
