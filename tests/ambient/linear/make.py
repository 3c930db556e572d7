"""Operators of every kind, with parameters for each sample, and their dense matrices."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ambient.linear import AsComplex, Blur, Compose, Downsample, Fourier, Identity, Mask, Matrix, MultiCoil, Operator

Maker = Callable[[int, int, torch.Generator], Operator]
SIDE = 6


def _uniform(shape: tuple[int, ...], source: torch.Generator) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=source)


def _maps(n: int, source: torch.Generator) -> Tensor:
    return torch.complex(_uniform((n, 3, SIDE, SIDE), source) - 0.5, _uniform((n, 3, SIDE, SIDE), source) - 0.5)


def _lines(n: int, source: torch.Generator) -> Tensor:
    return (_uniform((n, 1, 1, SIDE), source) > 0.4).double()


OPERATORS: dict[str, Maker] = {
    "identity": lambda n, c, g: Identity(),
    "mask": lambda n, c, g: Mask((_uniform((n, 1, SIDE, SIDE), g) > 0.5).double()),
    "weights": lambda n, c, g: Mask(_uniform((n, c, SIDE, SIDE), g)),
    "circular blur": lambda n, c, g: Blur(_uniform((n, 3, 5), g)),
    "valid blur": lambda n, c, g: Blur(_uniform((n, 3, 5), g), "valid"),
    "downsample": lambda n, c, g: Downsample(2),
    "matrix": lambda n, c, g: Matrix(_uniform((n, 7, c * SIDE * SIDE), g) - 0.5, (c, SIDE, SIDE)),
    "Fourier of real images": lambda n, c, g: Fourier((_uniform((n, 1, SIDE, SIDE), g) > 0.4).double()),
    "blur, then mask": lambda n, c, g: Compose(
        Mask((_uniform((n, 1, SIDE, SIDE), g) > 0.5).double()), Blur(_uniform((n, 3, 3), g))
    ),
    "downsampled blur": lambda n, c, g: Compose(Downsample(3), Blur(_uniform((n, 3, 3), g))),
}
"""Of real images with any number of channels."""
COMPLEX: dict[str, Maker] = {
    "Fourier": lambda n, c, g: Compose(Fourier(_lines(n, g), real_images=False), AsComplex()),
    "coils": lambda n, c, g: Compose(MultiCoil(_lines(n, g), _maps(n, g)), AsComplex()),
}
"""Of images whose two channels are the real and the imaginary part."""
ALL = OPERATORS | COMPLEX


def make(name: str, batch: int, shared: bool, seed: int) -> tuple[Operator, Tensor]:
    """An operator for `batch` samples, with one set of parameters for all or one for each, and samples."""
    source = torch.Generator().manual_seed(seed)
    channels = 2 if name in COMPLEX else 1 + seed % 3
    x = torch.randn(batch, channels, SIDE, SIDE, dtype=torch.float64, generator=source)
    return ALL[name](1 if shared else batch, channels, source), x


def as_real(y: Tensor) -> Tensor:
    """Measurements as vectors of real numbers, (B, m)."""
    return torch.view_as_real(y).flatten(1) if y.is_complex() else y.flatten(1)


def dense(operator: Operator, x: Tensor) -> Tensor:
    """A as real matrices, (B, m, d), by applying it to every unit vector."""
    columns = []
    for i in range(x[0].numel()):
        unit = torch.zeros_like(x).flatten(1)
        unit[:, i] = 1
        columns.append(as_real(operator(unit.reshape(x.shape))))
    return torch.stack(columns, -1)
