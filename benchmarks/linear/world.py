"""The world of the exact comparisons: an eight-dimensional mixture of which coordinates are hidden."""

from __future__ import annotations

import torch
from torch import Tensor

from ambient.randomness import IndexedNoise, generator
from theory.worlds import World

SIGMA_MIN, SIGMA_MAX = 0.01, 20.0
"""Ends of the sampling grid."""


def noise(seed: int, n: int, d: int) -> IndexedNoise:
    """Streams of noise for n samples, float64."""
    return IndexedNoise(seed, range(n), (d,), torch.float64)


def half_masks(n: int, d: int, seed: int) -> Tensor:
    """For each of n samples a mask that shows a random half of its d coordinates, (n, d)."""
    order = torch.rand(n, d, generator=generator("split", seed)).argsort(1)
    return (order < d // 2).double()


def clean(world: World, n: int, seed: int) -> Tensor:
    """n samples of the law, (n, d) float64."""
    return world.draw(n, seed).double()
