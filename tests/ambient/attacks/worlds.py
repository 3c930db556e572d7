"""Worlds in which an attack's right answer is known."""

from __future__ import annotations

import torch
from torch import Tensor

from theory.mixture import GaussianMixture

VARIANCE = 0.49
GAUSSIAN = GaussianMixture(torch.zeros(1, 3), torch.tensor([VARIANCE], dtype=torch.float64))


def images(n: int, seed: int = 0, shape: tuple[int, ...] = (3,)) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
