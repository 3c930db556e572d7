"""Online EM: re-centring, its rate on Gaussian data, and what its thrift leaves unchanged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ambient.data import Batch
from ambient.objectives import OnlineEM, PlainWeight
from ambient.objectives.expectation_maximisation import recentred
from ambient.posterior import PosteriorRollout
from ambient.process import VE, Level
from ambient.randomness import Draws
from tests.ambient.estimators import Cubic, gaussian, gradient, repeated


def test_recentred_groups_have_the_mean_exactly_and_the_covariance_in_expectation() -> None:
    """All 2^3 triples of a fair coin with sides 1 and 4: variance 2.25."""
    triples = torch.cartesian_prod(*[torch.tensor([1.0, 4.0], dtype=torch.float64)] * 3)
    mean = torch.full((8, 1), 7.0, dtype=torch.float64)
    moved = recentred(triples.reshape(-1, 1), mean).reshape(8, 3)
    torch.testing.assert_close(moved.mean(1), mean[:, 0])
    torch.testing.assert_close((moved - 7).square().mean(), torch.tensor(2.25, dtype=torch.float64))


def em_gain(group: int, variance: float, nature: Level) -> float:
    """d s_new^2 / d s^2 of one EM iteration on Gaussian data, by a central difference with common random numbers.

    The model below t_n is that of N(0, s^2); at t_n, where re-centring reads it, the denoiser is the data's.
    """
    count, width = 40_000, 0.02
    g = torch.Generator().manual_seed(0)
    x_n = nature.perturb(
        variance**0.5 * torch.randn(count, 1, dtype=torch.float64, generator=g),
        torch.randn(count, 1, dtype=torch.float64, generator=g),
    )
    batch = Batch(x_n, nature, torch.arange(count))
    found = []
    for s2 in (variance - width, variance + width):

        def denoiser(x: Tensor, level: Level, s2: float = s2, **_: Any) -> Tensor:
            at_nature = bool((level.on(x).ratio >= nature.ratio * (1 - 1e-9)).all())
            return gaussian(variance if at_nature and group > 1 else s2)(x, level)

        objective = OnlineEM(PosteriorRollout(12), reuse=1, group=group)
        found.append(float(objective._posterior(denoiser, batch, Draws.of_step(0, 0)).var()))
    return (found[1] - found[0]) / (2 * width)


def test_recentring_speeds_em_up_from_one_minus_g_squared_to_one_minus_g_all_squared() -> None:
    variance, nature = 0.25, VE().level(0.5)
    g = variance / (variance + 0.25)
    assert em_gain(1, variance, nature) == pytest.approx(1 - g**2, abs=0.03)
    assert em_gain(4, variance, nature) == pytest.approx((1 - g) ** 2, abs=0.03)


def exact_posterior(denoiser: Any, batch: Batch, h: Tensor, draws: Draws) -> Tensor:
    """X_0 given x_n of standard normal data."""
    return gaussian(1.0)(batch.x, batch.nature) + (1 + 1 / batch.nature.ratio**2) ** -0.5 * draws.normal(batch.x)


class Half(torch.nn.Module):
    """Exact at t_n, h = theta x below, theta = 1/2."""

    def __init__(self, nature: Level) -> None:
        super().__init__()
        self.nature, self.theta = nature, torch.nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

    def forward(self, x: Tensor, level: Level, **_: Any) -> Tensor:
        at_nature = (level.on(x).ratio >= self.nature.ratio * (1 - 1e-9))[:, None]
        return torch.where(at_nature, gaussian(1.0)(x, level), self.theta * x)


def test_reuse_and_groups_leave_the_gradient_in_expectation() -> None:
    """The full estimator (every sample, one posterior draw, one level) against the recommended thrift: four draws a
    sample, each at four levels. Means over 300 batches; with the test of `Occasional`, all that saves work."""
    nature = VE().level(0.5)
    denoiser = Half(nature)
    full = OnlineEM(exact_posterior, weight=PlainWeight(), reuse=1, group=1)
    thrifty = OnlineEM(exact_posterior, weight=PlainWeight(), reuse=4, group=4)
    means, errors = [], []
    for objective in (full, thrifty):
        slopes = []
        for step in range(300):
            draws = Draws.of_step(1, step)
            x = (1 + nature.sigma**2) ** 0.5 * draws.normal(torch.empty(512, 1, dtype=torch.float64))
            loss = objective(denoiser, Batch(x, nature, torch.arange(512)), draws).per_sample.mean()
            slopes.append(float(gradient(loss, denoiser)))
        means.append(float(np.mean(slopes)))
        errors.append(float(np.std(slopes)) / math.sqrt(300))
    assert abs(means[0] - means[1]) < 3.5 * math.hypot(*errors)
    assert math.hypot(*errors) < 0.05 * abs(means[0])


def test_em_refuses_batches_it_cannot_divide() -> None:
    with pytest.raises(ValueError, match="reuse \\* group = 16"):
        OnlineEM()(Cubic(), repeated(0.1, 40, VE().level(0.5)), Draws.of_step(0, 0))
