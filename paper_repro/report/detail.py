"""How much detail images have."""

from __future__ import annotations

import torch
from torch import Tensor


def detail(images: Tensor) -> float:
    """Mean squared difference of neighbouring pixels of (N, C, H, W): what blurring takes away."""
    across = (images[..., 1:] - images[..., :-1]).square().mean()
    down = (images[..., 1:, :] - images[..., :-1, :]).square().mean()
    return float((across + down) / 2)


def detail_of_each(images: Tensor) -> Tensor:
    """The detail of each image by itself, (N,) float64; their mean is that of all."""
    return torch.tensor([detail(image[None]) for image in images], dtype=torch.float64)
