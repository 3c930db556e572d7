"""A trained model that tests share: handwritten digits with noise, a hundred updates."""

from __future__ import annotations

from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from ambient.models import Model, Recipe, fit

SIGMA = 0.4


def digits(number: int = 200, side: int = 8) -> Tensor:
    """Clean digits, (number, 1, side, side) in [-1, 1]."""
    images = torch.tensor(load_digits().images[:number], dtype=torch.float32)[:, None] / 8 - 1
    return images.repeat_interleave(side // 8, 2).repeat_interleave(side // 8, 3)


def noisy_digits(number: int = 200, sigma: float = SIGMA) -> Tensor:
    """The same with noise, as a user's files would have it."""
    images = digits(number)
    return images + sigma * torch.randn(images.shape, generator=torch.Generator().manual_seed(3))


def trained(folder: Path, method: str = "recommended", steps: int = 60, **options: object) -> Model:
    """A model of 200 noisy digits."""
    recipe = Recipe(method=method, steps=steps, batch=32, **options)  # type: ignore[arg-type]
    return fit(noisy_digits(), SIGMA, folder, recipe, progress=lambda *_: None)
