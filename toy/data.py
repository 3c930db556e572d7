"""The data of the small experiments: scikit-learn's handwritten digits, which come with the package."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from ambient.randomness import permutation

TRAIN_POOL, CLASSIFIER, HELD_OUT = 400, 500, 897


@dataclass(frozen=True, eq=False)
class Split:
    """One division of a data set; images are (N, C, H, W) float32 in [-1, 1].

    Attributes:
        train: The training images.
        index: Their indices in the data set, (N,).
        unseen: Real images that no model sees, from the pool that `train` was taken from; possibly none.
        held_out: Real images that samples are compared with.
        classifier: Images and labels for the features.
    """

    train: Tensor
    index: Tensor
    unseen: Tensor
    held_out: Tensor
    classifier: tuple[Tensor, Tensor]


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
    return Split(pixels[train], train, pixels[unseen], pixels[held_out], (pixels[classifier], labels[classifier]))


def _round_robin(labels: Tensor) -> Tensor:
    """An order that takes one of each class in turn, so that every beginning of it is balanced."""
    turn = torch.empty_like(labels)
    for label in labels.unique():
        members = labels == label
        turn[members] = torch.arange(int(members.sum()))
    return (turn * (int(labels.max()) + 1) + labels).argsort()
