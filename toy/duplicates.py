"""Images that a data set holds more than once, equal in every number (CIFAR-10 has some in training and test set).

A model that copies such an image is no worse than one that copies another, but a test that finds the image among those
held out, or takes its second copy for a second image, cannot see it. So no image may be in two parts of a split, and
every report says how many there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Duplicates:
    """What a split does with exact duplicates.

    Attributes:
        training: Training images that equal an earlier one of them.
        left_out: Other images of the data set that equal a training image, and are not used for anything.
    """

    training: int = 0
    left_out: int = 0


def first_of_each(images: Tensor) -> Tensor:
    """For each image the row of the first that equals it, (N,) int64; its own where there is none before it.

    Args:
        images: (N, ...), compared by their bytes.
    """
    rows = images.flatten(1).contiguous().numpy()
    seen: dict[bytes, int] = {}
    firsts = [seen.setdefault(hashlib.sha256(row.tobytes()).digest(), i) for i, row in enumerate(rows)]
    return torch.tensor(firsts, dtype=torch.int64)


def part_together(firsts: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Positions 0..N-1 in consecutive parts of these sizes, but that every copy goes where the first of them goes.

    Args:
        firsts: What each image equals, (N,): the same number for the same image.
        sizes: How large the parts are where there are no copies; their sum is N.
    """
    places = torch.arange(len(firsts))
    parts = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    kinds, kind = torch.unique(firsts, return_inverse=True)
    earliest = torch.full((len(kinds),), len(firsts)).scatter_reduce(0, kind, places, "amin")
    together = parts[earliest[kind]]
    return [places[together == number] for number in range(len(sizes))]
