"""How near restorations came to their originals and to the data: cosine similarities, and their histogram."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.metrics.distances import nearest
from ambient.metrics.features import unit


@dataclass(frozen=True, eq=False)
class Similarities:
    """How near restorations came, on one kind of features.

    Attributes:
        features: Name of the features.
        own: Cosine similarity of each restoration to its own original, (N,) float64.
        nearest: The largest to any image of the data set, (N,): what P1's histograms show.
        neighbour: Row of that image in the data set, (N,) int64.
    """

    features: str
    own: Tensor
    nearest: Tensor
    neighbour: Tensor

    def identified(self, rows: Tensor) -> float:
        """Share of restorations whose nearest image is their own original, which are at `rows`, (N,), of the data."""
        return float((self.neighbour == rows).double().mean())


def compare(restored: Tensor, originals: Tensor, data: Tensor, features: str) -> Similarities:
    """Similarities of restorations to their originals and to the whole data set.

    Args:
        restored: Features of the restorations, (N, D).
        originals: Features of their originals, in the same order, (N, D).
        data: Features of the data set, (M, D).
        features: What these features are called.

    Raises:
        ValueError: If the numbers or the features do not fit together.
    """
    if restored.shape != originals.shape or restored.shape[1:] != data.shape[1:]:
        shapes = ", ".join(str(tuple(x.shape)) for x in (restored, originals, data))
        raise ValueError(f"features of restorations, originals and data do not fit together: {shapes}")
    queries, keys = unit(restored.double()), unit(data.double())
    distance, neighbour = nearest(queries, keys)
    own = (queries * unit(originals.double())).sum(1)
    return Similarities(features, own, 1 - distance[:, 0].square() / 2, neighbour[:, 0])


def histogram(similarities: Tensor, bins: int = 50, low: float = 0.0, high: float = 1.0) -> tuple[Tensor, Tensor]:
    """Edges, (bins + 1,), and the share of the similarities in each bin, (bins,); values outside go to the end bins."""
    edges = torch.linspace(low, high, bins + 1, dtype=torch.float64)
    where = torch.bucketize(similarities.double().contiguous(), edges[1:-1], right=True)
    return edges, torch.bincount(where, minlength=bins).double() / max(len(similarities), 1)
