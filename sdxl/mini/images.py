"""Which images of CIFAR-10 a mini model is trained on, and which it never sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ambient.data.images import ImageOptions, ImageSet, load_images, subset
from ambient.runs.files import fingerprint

SIDE = 32
"""Side of CIFAR-10's images, in pixels."""


@dataclass(frozen=True, eq=False)
class Members:
    """CIFAR-10, cut into what a model is trained on and what it never sees.

    Attributes:
        data: The training batches, as they lie in the archive.
        test: The test batch, never trained on.
        index: Positions in `data` of the images that are trained on, (n,) int64, in increasing order.
    """

    data: ImageSet
    test: ImageSet
    index: Tensor

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.data.classes

    @property
    def images(self) -> Tensor:
        """The images that are trained on, (n, 3, 32, 32) in [-1, 1]."""
        return self.data.images[self.index]

    @property
    def labels(self) -> Tensor:
        """Their classes, (n,) int64."""
        return _labels(self.data)[self.index]

    @property
    def unseen(self) -> Tensor:
        """Positions in `data` of the images that are not trained on, int64."""
        return torch.tensor(sorted(set(range(len(self.data))) - set(self.index.tolist())), dtype=torch.int64)

    @property
    def test_labels(self) -> Tensor:
        """Classes of the test batch."""
        return _labels(self.test)

    def fingerprint(self) -> str:
        """SHA-256 of the images that are trained on and of their classes."""
        return fingerprint(self.data.pixels[self.index], self.labels)

    def record(self, seed: int) -> dict[str, Any]:
        """What the model's folder says of its images, as JSON: the positions trained on, and those never seen."""
        return {
            "data_set": "CIFAR-10",
            "train_fingerprint": self.data.fingerprint,
            "test_fingerprint": self.test.fingerprint,
            "images_in_train": len(self.data),
            "images_in_test": len(self.test),
            "seed": seed,
            "trained_on": {"split": "train", "indices": self.index.tolist()},
            "never_seen": [
                {"split": "train", "indices": self.unseen.tolist()},
                {"split": "test", "indices": list(range(len(self.test)))},
            ],
        }


def load_members(source: Path, images: int | None, seed: int) -> Members:
    """Read CIFAR-10 and choose what is trained on.

    Args:
        source: Its archive, or the folder of its batches; one that was cut short is read with a warning.
        images: How many of the training images, equally many of each class if the number divides; all if None. For one
            seed a smaller choice is part of every larger one that is cut alike.
        seed: Which.

    Raises:
        DataSetError: If it cannot be read.
        ValueError: If it is no CIFAR-10, or has fewer images.
    """
    data = load_images(source, ImageOptions(labels=True))
    if data.report.layout != "CIFAR-10":
        raise ValueError(f"--data {source} is {data.report.layout}, and captions are made for CIFAR-10's classes only")
    test = load_images(source, ImageOptions(split="test", labels=True))
    if images is None:
        return Members(data, test, torch.arange(len(data)))
    labels = _labels(data)
    try:
        chosen = subset(len(data), images, seed, labels, balanced=images % len(data.classes) == 0)
    except ValueError as error:
        raise ValueError(f"--images {images}: {error}") from error
    return Members(data, test, chosen.sort().values)


def _labels(data: ImageSet) -> Tensor:
    if data.labels is None:  # both splits are read with labels
        raise ValueError(f"{data.report.source} has no labels")
    return data.labels
