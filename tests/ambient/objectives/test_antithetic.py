"""Antithetic pairs: unbiased for the ambient loss, and Stein's estimate in the limit."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from ambient.data import Batch
from ambient.objectives import (
    AmbientScoreMatching,
    AntitheticAmbient,
    PlainWeight,
)
from ambient.process import VE, VP, Level
from ambient.randomness import Draws
from tests.ambient.estimators import Cubic, Scripted, gradient, hermite, repeated
from tests.exact import Mixture

NATURE = VP().level(0.6)


@dataclass
class Fixed:
    level: Level

    def draw(self, u: Tensor, above: Level | None = None, below: Level | None = None) -> Level:
        return self.level.expand(len(u))


def expectation(denoiser: Cubic, objective: AntitheticAmbient | AmbientScoreMatching, x_n: float) -> Tensor:
    noise, weights = hermite(12, 1)
    loss = objective(denoiser, repeated(x_n, len(weights), NATURE), Scripted(noise, [torch.tensor([0.5])]))
    return (weights * loss.per_sample).sum()


@pytest.mark.parametrize("e", [0.5, 1.7])
def test_value_and_gradient_are_those_of_ambient_score_matching(e: float) -> None:
    denoiser = Cubic()
    level = Level(NATURE.alpha, NATURE.sigma * (1 + e**2) ** 0.5)
    pairs = AntitheticAmbient(Fixed(VE().level(e)), weight=PlainWeight())
    single = AmbientScoreMatching(Fixed(level), PlainWeight())
    found, expected = (expectation(denoiser, objective, 0.7) for objective in (pairs, single))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient(found, denoiser), gradient(expected, denoiser), rtol=1e-12, atol=1e-15)


def test_the_excess_over_the_minimum_is_the_error_of_the_denoiser() -> None:
    """J(h) - J(h*) = w A^2 E|h - h*|^2, with X_n from a mixture on a line: trapezoids over x_n, Hermite over Z."""
    law = Mixture.random(3, components=3, d=1)
    e, denoiser = 0.8, Cubic()
    level = Level(NATURE.alpha, NATURE.sigma * (1 + e**2) ** 0.5)
    noise, weights = hermite(40, 1)
    x = torch.linspace(-9, 9, 1501, dtype=torch.float64)
    variance = NATURE.alpha**2 * law.covariances[:, 0, 0] + NATURE.sigma**2
    density = (law.weights * torch.exp(-((x[:, None] - NATURE.alpha * law.means[:, 0]) ** 2) / (2 * variance))
               / (2 * torch.pi * variance).sqrt()).sum(1) * (x[1] - x[0])  # fmt: skip
    observed = x.repeat_interleave(len(weights))[:, None]
    joint = (density[:, None] * weights).flatten()
    z = noise[0].repeat(len(x), 1)
    batch = Batch(observed, NATURE, torch.arange(len(observed)))

    def exact(x_t: Tensor, level: Level, **_: object) -> Tensor:
        return law.mean_given(x_t, Level(level.alpha.reshape(-1)[0], level.sigma.reshape(-1)[0]), Level.clean())

    pairs = AntitheticAmbient(Fixed(VE().level(e)), weight=PlainWeight())
    losses = [
        (joint * pairs(h, batch, Scripted([z], [torch.tensor([0.5])])).per_sample).sum() for h in (denoiser, exact)
    ]
    x_t = NATURE.transition_to(level).perturb(observed, z)
    error = ((denoiser(x_t, level) - exact(x_t, level)) ** 2)[:, 0]
    a = NATURE.alpha * NATURE.transition_to(level).variance / level.sigma**2
    torch.testing.assert_close(losses[0] - losses[1], a**2 * (joint * error).sum(), rtol=1e-9, atol=0)


def test_the_pair_tends_to_steins_estimate_at_second_order() -> None:
    """On one pair, loss / a^2 - |h - x|^2 - 2 sigma^2 z J z -> a constant in h, with an error of order e^2."""
    nature, x_n = VE().level(0.5), 0.4
    z = torch.tensor([[0.9]], dtype=torch.float64)

    def defect(e: float) -> float:
        values = []
        for scale in (1.0, 0.5):  # the constant cancels in the difference of two denoisers
            denoiser = Cubic()
            with torch.no_grad():
                denoiser.coefficients *= scale
            objective = AntitheticAmbient(Fixed(VE().level(e)), weight=PlainWeight())
            draws = Scripted([z], [torch.tensor([0.5])])
            pair = float(objective(denoiser, repeated(x_n, 1, nature), draws).per_sample.detach())
            a = e**2 / (1 + e**2)
            x = torch.tensor([[x_n]], dtype=torch.float64, requires_grad=True)
            h = denoiser(x, nature)
            (slope,) = torch.autograd.grad(h.sum(), x)
            stein = float((h - x).detach() ** 2 + 2 * nature.sigma**2 * z**2 * slope)
            values.append(pair / a**2 - stein)
        return values[0] - values[1]

    assert abs(defect(0.1)) < 0.05
    assert defect(0.1) / defect(0.05) == pytest.approx(4, rel=0.05)


def test_near_the_nature_level_the_gradient_of_a_pair_varies_much_less_than_that_of_two_single_samples() -> None:
    """h = theta x with a theta of its own for each sample, so that a backward pass gives every sample's gradient."""
    e, count = 0.1, 4000
    level = Level(NATURE.alpha, NATURE.sigma * (1 + e**2) ** 0.5)
    variances = []
    for objective in (
        AntitheticAmbient(Fixed(VE().level(e)), smallest=0.01, weight=PlainWeight()),
        AmbientScoreMatching(Fixed(level), PlainWeight()),
    ):
        theta = torch.full((count, 1), 0.5, dtype=torch.float64, requires_grad=True)

        def denoiser(x: Tensor, level: Level, theta: Tensor = theta) -> Tensor:
            return theta.repeat(len(x) // count, 1) * x

        loss = objective(denoiser, repeated(0.7, count, NATURE), Draws.of_step(0, 0))
        (slope,) = torch.autograd.grad(loss.per_sample.sum(), theta)
        variances.append(float(slope.var()))
    assert variances[0] < 0.2 * variances[1] / 2


def test_levels_and_errors() -> None:
    objective = AntitheticAmbient()
    loss = objective(Cubic(), repeated(0.7, 500, NATURE), Draws.of_step(0, 0))
    assert float((loss.level.ratio / NATURE.ratio).min()) >= (1 + objective.smallest**2) ** 0.5
    with pytest.raises(ValueError, match="noisy samples"):
        objective(Cubic(), repeated(0.7, 5, Level.clean()), Draws.of_step(0, 0))
