"""The two-sample estimator against the squared violation, both by exact quadrature."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ambient import kernels, tweedie
from ambient.objectives import (
    Consistency,
    FromAbove,
    Observed,
    OneReverseStep,
    UniformBelow,
    WithinEpsilon,
    paper_consistency,
)
from ambient.objectives.consistency import Gradient
from ambient.process import VE, VP, Level
from ambient.randomness import Draws
from tests.ambient.estimators import Cubic, Scripted, gradient, hermite, repeated

NATURE = VP().level(0.6)
X_N, U = 0.8, 0.35


def violation(denoiser: Cubic, steps: int, through: bool) -> Tensor:
    """E h(x'', t'') - h(x_n, t_n), written out for one and two ancestral steps, by quadrature over their noise."""
    noise, weights = hermite(8, steps)
    x = torch.full((len(weights), 1), X_N, dtype=torch.float64)
    nature = NATURE.on(x)
    levels = [Level(nature.alpha, nature.sigma * U ** (k / steps)) for k in range(steps + 1)]
    h = start = denoiser(x, levels[0])
    for k in range(steps):
        used = h if through else h.detach()
        back = levels[k + 1].transition_to(levels[k])
        std = (back.variance * (levels[k + 1].sigma / levels[k].sigma) ** 2).sqrt()
        x = tweedie.nature_mean(used, x, levels[k + 1], levels[k]) + std[:, None] * noise[k]
        x = x if through else x.detach()
        h = denoiser(x, levels[k + 1])
    return (weights[:, None] * (h - start)).sum()


def estimate(denoiser: Cubic, steps: int, mode: Gradient, fixed_anchor: bool = False) -> Tensor:
    """The exact expectation of the objective."""
    noise, weights = hermite(6, 2 * steps)
    objective = Consistency(steps=steps, gradient=mode, fixed_anchor=fixed_anchor)
    draws = Scripted(noise, [torch.tensor([U], dtype=torch.float64)])
    return (weights * objective(denoiser, repeated(X_N, len(weights), NATURE), draws).per_sample).sum()


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("mode", ["through", "frozen", "one-sided"])
def test_the_value_is_the_squared_violation(steps: int, mode: Gradient) -> None:
    denoiser = Cubic()
    expected = violation(denoiser, steps, through=False).square()
    assert math.isclose(float(estimate(denoiser, steps, mode).detach()), float(expected.detach()), rel_tol=1e-10)


@pytest.mark.parametrize("steps", [1, 2])
def test_through_the_samples_the_gradient_is_that_of_the_squared_violation(steps: int) -> None:
    denoiser = Cubic()
    expected = gradient(violation(denoiser, steps, through=True).square(), denoiser)
    torch.testing.assert_close(
        gradient(estimate(denoiser, steps, "through"), denoiser), expected, rtol=1e-9, atol=1e-14
    )


@pytest.mark.parametrize("mode", ["frozen", "one-sided"])
def test_one_sided_and_frozen_have_one_gradient_that_of_a_frozen_kernel(mode: Gradient) -> None:
    denoiser = Cubic()
    expected = gradient(violation(denoiser, 1, through=False).square(), denoiser)
    found = gradient(estimate(denoiser, 1, mode), denoiser)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-14)
    through = gradient(violation(denoiser, 1, through=True).square(), denoiser)
    assert float((found - through).norm()) > 0.1 * float(through.norm())


def test_one_sided_equals_frozen_over_several_steps_with_the_anchor_fixed() -> None:
    denoiser = Cubic()
    found = [gradient(estimate(denoiser, 2, mode, True), denoiser) for mode in ("frozen", "one-sided")]
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-14)


def test_a_fixed_anchor_is_not_moved() -> None:
    class Split(Cubic):
        """Only level t_n has parameters."""

        def forward(self, x: Tensor, level: Level, **_: object) -> Tensor:
            above = (level.on(x).ratio >= NATURE.ratio)[:, None]
            return torch.where(above, super().forward(x, level), 0.5 * x)

    batch = repeated(X_N, 4, NATURE)
    free = Consistency(steps=1, gradient="frozen", fixed_anchor=False)(Split(), batch, Draws.of_step(0, 0))
    assert free.per_sample.requires_grad
    denoiser = Split()
    loss = Consistency(steps=1)(denoiser, batch, Draws.of_step(0, 0)).per_sample.mean()
    assert float(gradient(loss, denoiser).abs().max()) == 0.0


def test_anchors_and_ends_lie_where_they_should() -> None:
    batch, denoiser = repeated(X_N, 2000, NATURE), Cubic()
    ratio = float(NATURE.ratio)
    x, level = Observed()(denoiser, batch, Draws.of_step(0, 0))
    assert torch.equal(x, batch.x)
    assert torch.allclose(level.ratio, NATURE.ratio)
    _, level = OneReverseStep()(denoiser, batch, Draws.of_step(0, 0))
    u = (level.ratio / ratio).sort().values
    assert float((u - (torch.arange(2000) + 0.5) / 2000).abs().max()) < 1.63 / math.sqrt(2000)  # Kolmogorov, 1 %
    process = VP()
    objective = paper_consistency(process, 0.99, epsilon=0.05)
    assert isinstance(objective.anchor, FromAbove)
    _, level = objective.anchor(denoiser, batch, Draws.of_step(0, 0))
    t = process.time(level)
    assert float(t.max()) <= 0.99
    assert bool((t < 0.6).any() and (t > 0.6).any())
    later = process.time(WithinEpsilon(0.05, process)(level, torch.rand(2000, dtype=torch.float64)))
    assert bool(((later >= (t - 0.05).clamp(min=0) - 1e-12) & (later <= t)).all())
    assert bool((UniformBelow()(level, torch.full((2000,), 0.5)).ratio < level.ratio).all())


def test_from_above_follows_the_model_and_not_the_data() -> None:
    batch = repeated(X_N, 6, VE().level(0.5))
    x, level = FromAbove()(lambda x, level: torch.full_like(x, 100.0), batch, Draws.of_step(0, 0))
    assert bool((level.ratio < 1.0).all())
    far = kernels.ancestral(torch.full_like(x, 100.0), batch.x, VE().level(1.0).on(x), level)
    assert float(x.max()) > 10
    assert far.mean.shape == x.shape
