"""Images that a set holds more than once: the same bytes, the same mirrored, or the same picture saved again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor


@dataclass(frozen=True)
class Duplicates:
    """How often a set repeats itself.

    Attributes:
        images: Images of the set.
        exact: Images that repeat an earlier one, byte for byte, mirrored or not.
        most: How often the most frequent image occurs.
        near: Of the images looked at, those that look like a copy of another that is not equal to them.
        looked_at: How many were looked at for that, each distinct one once.
    """

    images: int
    exact: int
    most: int
    near: int
    looked_at: int


def exact_groups(pixels: Tensor, mirrored: bool = False) -> Tensor:
    """The first row that each image equals, (N,); itself if it is the first.

    Args:
        pixels: (N, C, H, W) uint8.
        mirrored: Whether an image and its mirror image are one.
    """
    first: dict[bytes, int] = {}
    rows = []
    for i, (image, mirror) in enumerate(zip(pixels.numpy(), pixels.flip(3).numpy(), strict=True)):
        key = min(image.tobytes(), mirror.tobytes()) if mirrored else image.tobytes()
        rows.append(first.setdefault(key, i))
    return torch.tensor(rows)


def distinct_rows(groups: Tensor) -> Tensor:
    """The rows that are the first of their group, in order."""
    return (groups == torch.arange(len(groups))).nonzero()[:, 0]


def joined(number: int, links: Tensor) -> Tensor:
    """Groups of `number` images, (number,) numbered from 0, after links (2, P) have joined pairs of rows."""
    rows, others = links.numpy()
    graph = coo_array((np.ones(len(rows)), (rows, others)), shape=(number, number))
    return torch.from_numpy(connected_components(graph, directed=False)[1]).long()


def count(exact: Tensor, near: Tensor) -> Duplicates:
    """The summary of a set's exact groups, (N,), and of whether each distinct image looked at is like another, (M,)."""
    number, most = len(exact), int(exact.bincount().max())
    return Duplicates(number, number - len(distinct_rows(exact)), most, int(near.sum()), len(near))
