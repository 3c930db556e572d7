"""Rollouts of a linear denoiser are linear in their noise, so their variance is known exactly."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from ambient.posterior.rollout import PosteriorRollout, geometric_levels
from ambient.process import VE, VP, Level, per_sample
from ambient.randomness import Draws
from tests.ambient.estimators import Scripted, repeated

S2 = 0.7


def linear(x: Tensor, level: Level, **_: Any) -> Tensor:
    """E[X_0 | X_t] of N(0, S2)."""
    level = level.on(x)
    return per_sample(level.alpha * S2 / (level.alpha**2 * S2 + level.sigma**2), x) * x


def variance(steps: int, order: Literal[1, 2], nature: Level, depth: float = 1e-3) -> float:
    """Variance of the rollout given x_n = 0: the sum of its squared responses to a unit of noise in each step."""
    rollout = PosteriorRollout(steps, depth, order)
    noise = list(torch.eye(steps, dtype=torch.float64)[..., None])
    x_0 = rollout(linear, repeated(0.0, steps, nature), torch.zeros(steps, 1, dtype=torch.float64), Scripted(noise))
    return float(x_0.square().sum())


@pytest.mark.parametrize("nature", [VE().level(0.6), VP().level(0.6)], ids=["VE", "VP"])
def test_the_variance_converges_at_its_order_to_that_of_the_posterior(nature: Level) -> None:
    exact = 1 / (1 / S2 + float(nature.alpha / nature.sigma) ** 2)
    for order, lowest in ((1, 1.7), (2, 3.2)):
        errors = [abs(variance(steps, order, nature) - exact) for steps in (32, 64, 128)]
        assert errors[0] / errors[1] > lowest
        assert errors[1] / errors[2] > lowest
    assert abs(variance(6, 2, nature, 1 / 16) - exact) < 0.4 * abs(variance(6, 1, nature, 1 / 16) - exact)


@pytest.mark.parametrize("order", [1, 2])
def test_the_mean_is_that_of_the_posterior(order: Literal[1, 2]) -> None:
    nature = VP().level(0.6)
    batch = repeated(1.3, 1, nature)
    h = linear(batch.x, nature)
    still = Scripted([torch.zeros(1, 1, dtype=torch.float64)] * 6)
    torch.testing.assert_close(PosteriorRollout(6, 1 / 16, order)(linear, batch, h, still), h, rtol=1e-12, atol=0)


def test_no_gradient_flows() -> None:
    batch = repeated(1.3, 3, VE().level(0.5))
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    x_0 = PosteriorRollout()(lambda x, level: weight * x, batch, batch.x, Draws.of_step(0, 0))
    assert not x_0.requires_grad


def test_levels_are_geometric_and_end_exactly() -> None:
    start, end = VP().level(0.8).expand(2), VE().level(0.1).expand(2)
    levels = geometric_levels(start, end, 4)
    ratios = torch.stack([level.ratio for level in levels])
    torch.testing.assert_close(ratios[1:] / ratios[:-1], (end.ratio / start.ratio).expand(4, 2) ** 0.25)
    assert levels[-1] is end
