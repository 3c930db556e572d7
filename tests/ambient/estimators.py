"""Exact expectations of estimators: their random numbers replaced by the nodes of a quadrature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ambient.data import Batch
from ambient.process import Level, per_sample
from ambient.randomness import Draws


class Scripted(Draws):
    """Draws that hand out given tensors in order."""

    def __init__(self, normals: Sequence[Tensor] = (), uniforms: Sequence[Tensor] = ()) -> None:
        super().__init__(torch.Generator())
        self.normals, self.uniforms = list(normals), list(uniforms)

    def normal(self, like: Tensor) -> Tensor:
        value = self.normals.pop(0)
        assert value.shape == like.shape
        return value

    def uniform(self, like: Tensor) -> Tensor:
        return self.uniforms.pop(0).expand(len(like))


class Cubic(nn.Module):
    """h(x, level) = (a x + b x^3) c(level), coordinate by coordinate: not affine, yet integrated exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(torch.tensor([0.6, -0.07, 0.3], dtype=torch.float64))

    def forward(self, x: Tensor, level: Level, **_: Any) -> Tensor:
        a, b, c = self.coefficients
        ratio = per_sample(level.on(x).ratio, x)
        return (a * x + b * x**3) / (1 + c * ratio**2)


def gaussian(variance: float) -> Any:
    """E[X_0 | X_t] of N(0, variance I)."""

    def denoiser(x: Tensor, level: Level, **_: Any) -> Tensor:
        level = level.on(x)
        return per_sample(level.alpha * variance / (level.alpha**2 * variance + level.sigma**2), x) * x

    return denoiser


def hermite(nodes: int, dimensions: int) -> tuple[list[Tensor], Tensor]:
    """Nodes z_1, ..., z_dimensions, each (M, 1), and weights (M,) with sum w f(z) = E f(Z), M = nodes^dimensions."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    grid = torch.cartesian_prod(*[torch.from_numpy(z)] * dimensions).reshape(-1, dimensions)
    weights = torch.cartesian_prod(*[torch.from_numpy(w / w.sum())] * dimensions).reshape(-1, dimensions).prod(1)
    return [grid[:, i : i + 1] for i in range(dimensions)], weights


def repeated(x: float, count: int, nature: Level) -> Batch:
    """`count` copies of one observed number."""
    return Batch(torch.full((count, 1), x, dtype=torch.float64), nature, torch.arange(count))


def gradient(value: Tensor, module: nn.Module) -> Tensor:
    """The gradient of a number in the parameters of a module, as one vector."""
    grads = torch.autograd.grad(value, list(module.parameters()), retain_graph=True)
    return torch.cat([g.flatten() for g in grads])
