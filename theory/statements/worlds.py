"""The small exact worlds in which the statements of P1 are checked: mixtures, pairs of levels, errors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ambient.process import VE, VP, Flow, Level
from theory.mixture import GaussianMixture

LINE = GaussianMixture(torch.tensor([[-1.2], [0.3], [1.4]]), torch.tensor([0.3, 0.5, 0.25]) ** 2)
"""Three components on a line, close enough to overlap at sigma = 0.5."""


LEVELS: dict[str, tuple[Level, Level]] = {
    "VE": (VE().level(0.6), VE().level(1.1)),
    "VP": (VP().level(0.5), VP().level(0.8)),
    "flow": (Flow().level(0.3), Flow().level(0.55)),
    "any": (Level(*torch.tensor([0.8, 0.3]).double()), Level(*torch.tensor([1.3, 1.7]).double())),
}
"""For each of three processes, and for a schedule that is none of them, a nature level and a noisier level t."""


def mixture(dimension: int, components: int = 4, seed: int = 0) -> GaussianMixture:
    """A mixture with random means, full covariances and weights, the same for the same arguments."""
    source = torch.Generator().manual_seed(1000 * dimension + 10 * components + seed)
    roots = torch.randn(components, dimension, dimension, generator=source, dtype=torch.float64)
    means = 1.5 * torch.randn(components, dimension, generator=source, dtype=torch.float64)
    covariances = roots @ roots.mT / dimension + 0.05 * torch.eye(dimension, dtype=torch.float64)
    return GaussianMixture(means, covariances, torch.rand(components, generator=source) + 0.2)


def samples(law: GaussianMixture, level: Level, n: int = 64, seed: int = 1) -> Tensor:
    """Samples of X_t, (n, d)."""
    return law.at(level).sample(n, torch.Generator().manual_seed(seed))


def gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The gradient of function(x)_i, (B,), with respect to x_i, (B, d), by automatic differentiation."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(function(x).sum(), x)[0]


def jacobian(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The Jacobian of function(x)_i, (B, d), with respect to x_i, (B, d): (B, d, d), by automatic differentiation."""
    of_sum = torch.autograd.functional.jacobian  # of the sum over B, whose terms do not share variables
    columns: Tensor = of_sum(lambda y: function(y).sum(0), x.detach())  # type: ignore[no-untyped-call]
    return columns.permute(1, 0, 2)


def relative_error(found: Tensor, truth: Tensor) -> float:
    """max |found - truth| / max |truth|."""
    return float((found - truth).abs().max() / truth.abs().max())
