"""Stein's estimate against the true risk."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from ambient.data import Batch
from ambient.objectives import (
    SURE,
    PlainWeight,
)
from ambient.process import VP, Level
from tests.ambient.estimators import Cubic, Scripted, gradient, hermite, repeated

NATURE = VP().level(0.7)


def test_value_and_gradient_are_those_of_the_risk() -> None:
    """X_0 standard normal: E over X_0 and Z of |h(X_n) - X_0|^2, and of the estimate, by the same exact quadrature."""
    denoiser = Cubic()
    (x_0, z), weights = hermite(10, 2)
    x_n = NATURE.perturb(x_0, z)
    risk = (weights * (denoiser(x_n, NATURE) - x_0).square()[:, 0]).sum()
    batch = Batch(x_n, NATURE, torch.arange(len(x_n)))
    estimate = (weights * SURE(PlainWeight())(denoiser, batch, Scripted([torch.ones_like(x_n)])).per_sample).sum()
    torch.testing.assert_close(estimate, risk, rtol=1e-11, atol=0)
    torch.testing.assert_close(gradient(estimate, denoiser), gradient(risk, denoiser), rtol=1e-10, atol=1e-13)


def test_the_mean_over_all_signs_has_the_divergence() -> None:
    network = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3)).double()

    def denoiser(x: Tensor, level: Level) -> Tensor:
        return network(x)

    signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)), dtype=torch.float64)
    x = torch.tensor([0.3, -0.8, 1.1], dtype=torch.float64)
    batch = Batch(x.expand(8, 3), NATURE, torch.arange(8))
    mean = SURE(PlainWeight())(denoiser, batch, Scripted([signs])).per_sample.mean()
    slope = torch.autograd.functional.jacobian(network, x)
    sigma, alpha = NATURE.sigma, NATURE.alpha
    stein = (network(x) - x / alpha).square().sum() + 2 * sigma**2 / alpha * slope.trace() - 3 * (sigma / alpha) ** 2
    torch.testing.assert_close(mean, stein / 3, rtol=1e-12, atol=0)


def test_the_weight_multiplies() -> None:
    draws = [Scripted([torch.ones(2, 1, dtype=torch.float64)]) for _ in range(2)]
    batch = repeated(0.4, 2, NATURE)
    plain, weighted = SURE(PlainWeight())(Cubic(), batch, draws[0]), SURE()(Cubic(), batch, draws[1])
    factor = 1 / NATURE.ratio**2 + 1 / 0.5**2
    torch.testing.assert_close(weighted.per_sample, factor * plain.per_sample, rtol=1e-12, atol=0)
    assert float(plain.per_sample.mean()) != pytest.approx(0)
