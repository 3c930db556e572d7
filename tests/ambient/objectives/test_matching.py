"""Objectives against exact minimisers; the denoisers are simple enough for everything to be computed twice.

What rests on the one residual is tested together here: `dsm`, `ambient`, `hybrid`, `weights`, and sums of objectives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ambient import tweedie
from ambient.data import Batch
from ambient.levels import LogNormal, UniformTime
from ambient.objectives import (
    AmbientScoreMatching,
    DenoisingScoreMatching,
    EDMWeight,
    EpsilonWeight,
    Hybrid,
    NatureWeight,
    Objective,
    PlainWeight,
)
from ambient.objectives.matching import matching_loss
from ambient.process import VE, VP, Flow, Level, per_sample
from ambient.randomness import Draws
from tests.exact import Mixture, two_levels


class Affine(nn.Module):
    """h(x, t) = W x + b + t c: enough parameters for gradients to tell branches apart."""

    def __init__(self, d: int = 2) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.w = nn.Parameter(torch.randn(d, d, generator=g, dtype=torch.float64))
        self.b = nn.Parameter(torch.randn(d, generator=g, dtype=torch.float64))

    def forward(self, x_t: Tensor, level: Level, **_: Any) -> Tensor:
        return x_t @ self.w.T + self.b + per_sample(level.ratio.log(), x_t)


@dataclass
class FixedLevel:
    """All of a batch at one level."""

    level: Level

    def draw(self, u: Tensor, above: Level | None = None, below: Level | None = None) -> Level:
        return self.level.expand(len(u))


def batch_of(x: Tensor, nature: Level, clean: Tensor | None = None) -> Batch:
    return Batch(x, nature, torch.arange(len(x)), clean)


def gradient(objective: Objective, batch: Batch, draws: Draws, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
    denoiser = Affine()
    loss = objective(denoiser, batch, draws).per_sample
    loss = loss if keep is None else loss[keep]
    parts = torch.autograd.grad(loss.sum(), list(denoiser.parameters()))
    return loss.detach(), torch.cat([part.flatten() for part in parts])


@given(two_levels(), st.integers(0, 1000))
def test_excess_of_the_ambient_loss_is_the_weighted_error(levels: tuple[Level, Level], seed: int) -> None:
    """J(h) - J(h*) = A^2 E|h - h*|^2 / d (P1 3.1, A.5), in expectation over X_n given X_t, which is exact here."""
    nature, level = levels
    mixture = Mixture.random(seed, 2, 2)
    g = torch.Generator().manual_seed(seed)
    x_t = level.perturb(mixture.sample(200, seed), torch.randn(200, 2, generator=g, dtype=torch.float64))
    h_star = mixture.mean_given(x_t, level, Level.clean())
    x_n_mean = mixture.mean_given(x_t, level, nature)
    h = Affine()(x_t, level).detach()
    # E|A h + B x - X_n|^2 = |A h + B x - E X_n|^2 + Var, so the excess needs E[X_n | X_t] alone.
    excess = (tweedie.nature_mean(h, x_t, nature, level) - x_n_mean).square().mean(1)
    a = level.alpha**0 * nature.alpha * nature.transition_to(level).variance / level.sigma**2
    scale = float((a**2 * (h - h_star).square().mean(1)).max())
    assert torch.allclose(excess, a**2 * (h - h_star).square().mean(1), rtol=1e-8, atol=1e-12 * max(scale, 1))


@pytest.mark.parametrize("weight", [PlainWeight(), EDMWeight(0.5), EpsilonWeight()])
def test_the_objective_computes_the_written_out_loss(weight: Any) -> None:
    """P1's Theorem 3.1 and A.29 as printed, with the weights of the papers, on the same draws."""
    x_n = torch.randn(5, 2, dtype=torch.float64)
    for process, s_n, s_t in [(VE(), 0.4, 1.1), (VP(), 0.3, 0.8)]:
        nature, level = process.level(s_n), process.level(s_t)
        loss = AmbientScoreMatching(FixedLevel(level), weight)(Affine(), batch_of(x_n, nature), Draws.of_step(0, 0))
        draws = Draws.of_step(0, 0)
        draws.uniform(x_n)
        z = draws.normal(x_n)
        if isinstance(process, VE):
            x_t = x_n + (s_t**2 - s_n**2) ** 0.5 * z
            residual = (s_t**2 - s_n**2) / s_t**2 * Affine()(x_t, level) + s_n**2 / s_t**2 * x_t - x_n
            rho, v, ratio = 1.0, s_t**2 - s_n**2, s_t
        else:
            rho, v = ((1 - s_t**2) / (1 - s_n**2)) ** 0.5, (s_t**2 - s_n**2) / (1 - s_n**2)
            x_t = rho * x_n + v**0.5 * z
            a = (s_t**2 - s_n**2) / (s_t**2 * (1 - s_n**2) ** 0.5)
            residual = a * Affine()(x_t, level) + s_n**2 / s_t**2 * rho * x_t - x_n
            ratio = s_t / (1 - s_t**2) ** 0.5
        w = {PlainWeight: 1.0, EDMWeight: (ratio**2 + 0.25) / (ratio * 0.5) ** 2, EpsilonWeight: rho**2 / v}
        assert torch.allclose(loss.per_sample, w[type(weight)] * residual.square().mean(1), rtol=1e-10)
        assert torch.equal(loss.terms["ambient"], loss.per_sample.detach())
        assert torch.equal(loss.level.sigma, level.sigma.expand(5))


def test_epsilon_weight_is_the_error_of_the_fresh_noise() -> None:
    x_n = torch.randn(4, 2, dtype=torch.float64)
    nature, level = VP().level(0.3), VP().level(0.7)
    objective = AmbientScoreMatching(FixedLevel(level), EpsilonWeight())
    loss = objective(Affine(), batch_of(x_n, nature), Draws.of_step(0, 0)).per_sample
    draws = Draws.of_step(0, 0)
    draws.uniform(x_n)
    z = draws.normal(x_n)
    step = nature.transition_to(level)
    x_t = step.perturb(x_n, z)
    predicted = (x_t - step.scale * tweedie.nature_mean(Affine()(x_t, level), x_t, nature, level)) / step.std
    assert torch.allclose(loss, (predicted - z).square().mean(1), rtol=1e-9)


@pytest.mark.parametrize("weight", [PlainWeight(), EDMWeight(0.5), EpsilonWeight()])
@pytest.mark.parametrize("process", [VE(), VP(), Flow()])
def test_everything_is_finite_at_the_nature_level(weight: Any, process: Any) -> None:
    nature = process.level(0.4)
    objective = AmbientScoreMatching(FixedLevel(nature), weight)
    loss, grad = gradient(objective, batch_of(torch.randn(3, 2, dtype=torch.float64), nature), Draws.of_step(0, 0))
    assert torch.allclose(loss, torch.zeros_like(loss), atol=1e-20)
    assert torch.allclose(grad, torch.zeros_like(grad), atol=1e-10)
    close = process.level(0.4 + 1e-9)
    loss, grad = gradient(
        AmbientScoreMatching(FixedLevel(close), weight),
        batch_of(torch.randn(3, 2, dtype=torch.float64), nature),
        Draws.of_step(0, 0),
    )
    assert bool(loss.isfinite().all() and grad.isfinite().all())


def test_clean_data_make_ambient_score_matching_dsm() -> None:
    batch = batch_of(torch.randn(6, 2, dtype=torch.float64), Level.clean())
    dsm = gradient(DenoisingScoreMatching(), batch, Draws.of_step(0, 0))
    ambient = gradient(AmbientScoreMatching(), batch, Draws.of_step(0, 0))
    assert torch.allclose(dsm[0], ambient[0])
    assert torch.allclose(dsm[1], ambient[1])
    draws = Draws.of_step(0, 0)
    level = LogNormal().draw(draws.uniform(batch.x))
    x_t = level.perturb(batch.x, draws.normal(batch.x))
    plain = EDMWeight()(level, Level.clean()) * (Affine()(x_t, level) - batch.x).square().mean(1)
    assert torch.allclose(dsm[0], plain, rtol=1e-10)
    with pytest.raises(ValueError, match="needs clean samples"):
        DenoisingScoreMatching()(Affine(), replace(batch, nature=VE().level(0.1)), Draws.of_step(0, 0))


@pytest.mark.parametrize("split", ["level", "sample"])
def test_no_clean_pixel_reaches_the_branch_above_the_nature_level(split: Any) -> None:
    """Other clean images, the same noisy copies: above t_n neither loss nor gradient changes; below, both do."""
    nature = VE().level(0.4)
    x_n, clean, other = torch.randn(3, 64, 2, dtype=torch.float64).unbind()
    hybrid = Hybrid(split=split)
    level = hybrid(Affine(), batch_of(x_n, nature, clean), Draws.of_step(0, 0)).level
    above = level.ratio > 0.4
    assert 5 < int(above.sum()) < 59
    for keep in (above, ~above):
        first = gradient(hybrid, batch_of(x_n, nature, clean), Draws.of_step(0, 0), keep)
        second = gradient(hybrid, batch_of(x_n, nature, other), Draws.of_step(0, 0), keep)
        same = torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
        assert same == bool(keep is above)
    poisoned = hybrid(Affine(), batch_of(x_n, nature, clean * torch.nan), Draws.of_step(0, 0)).per_sample
    assert torch.equal(poisoned.isfinite(), above)
    other_noise = gradient(hybrid, batch_of(x_n + 1, nature, clean), Draws.of_step(0, 0), ~above)
    assert torch.equal(other_noise[0], gradient(hybrid, batch_of(x_n, nature, clean), Draws.of_step(0, 0), ~above)[0])


def test_the_hybrid_is_dsm_below_and_ambient_above() -> None:
    nature = VE().level(0.4)
    x_n, clean = torch.randn(2, 40, 2, dtype=torch.float64).unbind()
    loss = Hybrid()(Affine(), batch_of(x_n, nature, clean), Draws.of_step(0, 0))
    draws = Draws.of_step(0, 0)
    level = LogNormal().draw(draws.uniform(x_n))
    noise = draws.normal(x_n)
    sigma = level.sigma[:, None]
    x_low = clean + sigma * noise
    low = (Affine()(x_low, level) - clean).square().mean(1)
    x_high = x_n + (sigma**2 - 0.16).clamp(min=0).sqrt() * noise
    high = ((1 - 0.16 / sigma**2) * Affine()(x_high, level) + 0.16 / sigma**2 * x_high - x_n).square().mean(1)
    wanted = torch.where(level.sigma > 0.4, high, low) * EDMWeight()(level, nature)
    assert torch.allclose(loss.per_sample, wanted, rtol=1e-9)


def test_splitting_by_sample_puts_half_on_each_side() -> None:
    """Algorithm 1 as printed, wherever t_n lies; splitting by level follows the distribution of levels."""
    x = torch.zeros(20_000, 1, dtype=torch.float64)
    for sigma in (0.1, 2.0):
        nature = VE().level(sigma)
        shares = {}
        for split in ("sample", "level"):
            level = Hybrid(split=split)(lambda x, level: x, batch_of(x, nature, x), Draws.of_step(0, 0)).level  # type: ignore[arg-type]
            shares[split] = float((level.ratio > sigma).double().mean())
        assert shares["sample"] == pytest.approx(0.5, abs=0.02)
        normal = torch.distributions.Normal(-1.2, 1.2)
        assert shares["level"] == pytest.approx(1 - float(normal.cdf(nature.sigma.log())), abs=0.02)


def test_the_hybrid_refuses_half_of_its_data() -> None:
    x = torch.zeros(2, 2)
    for batch in (batch_of(x, VE().level(0.4)), batch_of(x, Level.clean(), x)):
        with pytest.raises(ValueError, match="both versions"):
            Hybrid()(lambda x, level: x, batch, Draws.of_step(0, 0))


def test_the_weight_control_puts_the_ambient_weight_on_clean_data() -> None:
    nature = VE().level(0.4)
    level = VE().level(torch.tensor([0.1, 0.4, 0.5, 3.0], dtype=torch.float64))
    weight = NatureWeight(nature, EDMWeight(0.5))
    a = torch.tensor([1.0, 1.0, 1 - 0.16 / 0.25, 1 - 0.16 / 9], dtype=torch.float64)
    expected = a**2 * EDMWeight(0.5)(level, Level.clean())
    assert torch.allclose(weight(level, Level.clean()), expected, rtol=1e-12)


def test_levels_cleaner_than_the_data_are_refused() -> None:
    batch = batch_of(torch.zeros(2, 2), VE().level(1.0))
    with pytest.raises(ValueError, match="cleaner"):
        matching_loss(Affine(), batch, VE().level(0.5), PlainWeight(), Draws.of_step(0, 0), "ambient")


def test_objectives_add_and_scale() -> None:
    x = torch.randn(8, 2, dtype=torch.float64)
    batch = batch_of(x, Level.clean())
    a, b = DenoisingScoreMatching(), AmbientScoreMatching(UniformTime(VE(), t_max=2.0), PlainWeight())
    total = (a + 0.5 * b)(Affine(), batch, Draws.of_step(0, 0))
    draws = Draws.of_step(0, 0)
    first, second = a(Affine(), batch, draws), b(Affine(), batch, draws)
    assert torch.allclose(total.per_sample, first.per_sample + 0.5 * second.per_sample)
    assert torch.equal(total.terms["ambient"], second.terms["ambient"])
    assert torch.equal(total.level.sigma, first.level.sigma)
    twice = (2.0 * (a + b))(Affine(), batch, Draws.of_step(0, 0)).per_sample
    assert torch.allclose(twice, 2 * (first.per_sample + second.per_sample))
    with pytest.raises(ValueError, match="same term 'dsm'"):
        (a + a)(Affine(), batch, Draws.of_step(0, 0))
