"""Images without noise, and noise of known kinds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def smooth_with_edges(count: int = 60, channels: int = 1, side: int = 32, seed: int = 0) -> Tensor:
    """(N, C, H, W) in [-0.8, 0.8]: slow waves, and rectangles with sharp edges on a part of each image."""
    draws = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    phase, angle = torch.rand(2, count, channels, 1, 1, generator=draws) * 6.28
    images = 0.5 * torch.sin(4 * (x * angle.cos() + y * angle.sin()) + phase)
    for image in images:
        for _ in range(4):
            top, left, height, width = torch.randint(2, side // 2, (4,), generator=draws).tolist()
            image[:, top : top + height, left : left + width] += 0.6 * torch.rand(1, generator=draws) - 0.3
    return images.clamp(-0.8, 0.8)


def gaussian(shape: torch.Size, draws: torch.Generator) -> Tensor:
    """White Gaussian noise of variance 1."""
    return torch.randn(shape, generator=draws)


def laplace(shape: torch.Size, draws: torch.Generator) -> Tensor:
    """White Laplace noise of variance 1: excess kurtosis 3."""
    uniform = torch.rand(shape, generator=draws, dtype=torch.float64).clamp(1e-9, 1 - 1e-9) - 0.5
    return (-uniform.sign() * torch.log1p(-2 * uniform.abs()) / 2**0.5).float()


def uniform(shape: torch.Size, draws: torch.Generator) -> Tensor:
    """White uniform noise of variance 1: excess kurtosis -1.2."""
    return (torch.rand(shape, generator=draws) - 0.5) * 12**0.5


def blurred(shape: torch.Size, draws: torch.Generator) -> Tensor:
    """Gaussian noise of variance 1 whose neighbours correlate by 2/3."""
    line = torch.tensor([1.0, 2.0, 1.0])
    kernel = torch.outer(line, line)
    kernel = (kernel / kernel.norm()).expand(shape[1], 1, 3, 3)
    wide = torch.randn(shape[0], shape[1], shape[2] + 2, shape[3] + 2, generator=draws)
    return torch.nn.functional.conv2d(wide, kernel, groups=shape[1])


KINDS: dict[str, Callable[[torch.Size, torch.Generator], Tensor]] = {
    "gaussian": gaussian,
    "laplace": laplace,
    "uniform": uniform,
}
"""White noise by name."""


def noisy(images: Tensor, sigma: float | Tensor, kind: str = "gaussian", seed: int = 1) -> Tensor:
    """Images with white noise of standard deviation `sigma`, one for all or (N, 1, 1, 1)."""
    return images + sigma * KINDS[kind](images.shape, torch.Generator().manual_seed(seed))
