"""Online EM, second-order Tweedie, shares of a batch and the recommended recipe."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ambient.data import Batch
from ambient.denoisers import EDMDenoiser
from ambient.objectives import (
    Loss,
    Objective,
    Occasional,
    OnlineEM,
    PlainWeight,
    SecondOrderTweedie,
    Subsampled,
    noisier2noise,
    recommended,
    sigma_data_of,
)
from ambient.objectives.base import Sum
from ambient.objectives.expectation_maximisation import recentred
from ambient.posterior.rollout import PosteriorRollout
from ambient.process import VE, VP, Level, per_sample
from ambient.randomness import Draws
from tests.ambient.estimators import Cubic, Scripted, gradient, repeated


class Identity(torch.nn.Module):
    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        return x


def gaussian(variance: float) -> Any:
    """E[X_0 | X_t] of N(0, variance I)."""

    def denoiser(x: Tensor, level: Level, **_: Any) -> Tensor:
        level = level.on(x)
        return per_sample(level.alpha * variance / (level.alpha**2 * variance + level.sigma**2), x) * x

    return denoiser


class Square(Objective):
    """h(x)^2, without noise."""

    def __call__(self, denoiser: Any, batch: Batch, draws: Draws) -> Loss:
        value = denoiser(batch.x, batch.nature).square().mean(1)
        return Loss(value, {"square": value.detach()}, batch.nature.on(batch.x))


@pytest.mark.parametrize("every", [1, 2, 4])
def test_a_share_of_the_batch_is_unbiased(every: int) -> None:
    """Averaged over all shifts of the batch, value and gradient are those of the whole batch."""
    x = torch.linspace(-1, 2, 12, dtype=torch.float64)[:, None]
    denoiser, nature = Cubic(), VE().level(0.5)
    batch = Batch(x, nature, torch.arange(12))
    full = Square()(denoiser, batch, Draws.of_step(0, 0)).per_sample.mean()
    shifted = [Batch(x.roll(k, 0), nature, torch.arange(12)) for k in range(every)]
    share = Subsampled(Square(), every)
    mean = torch.stack([share(denoiser, b, Draws.of_step(0, 0)).per_sample.mean() for b in shifted]).mean()
    torch.testing.assert_close(mean, full, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient(mean, denoiser), gradient(full, denoiser), rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match="not a multiple of 5"):
        Subsampled(Square(), 5)(denoiser, batch, Draws.of_step(0, 0))


def test_an_occasional_objective_is_unbiased_and_the_same_on_every_process() -> None:
    denoiser, batch = Cubic(), repeated(0.4, 4, VE().level(0.5))
    full = Square()(denoiser, batch, Draws.of_step(0, 0)).per_sample.mean()
    losses = [Occasional(Square(), 4)(denoiser, batch, Draws.of_step(0, step)) for step in range(2000)]
    others = [Occasional(Square(), 4)(denoiser, batch, Draws.of_step(0, step, 1, 2)) for step in range(200)]
    taken = torch.tensor([bool(loss.terms) for loss in losses])
    assert abs(float(taken.double().mean()) - 0.25) < 3.5 * (0.25 * 0.75 / 2000) ** 0.5
    assert taken[:200].tolist() == [bool(loss.terms) for loss in others]
    for loss, on in zip(losses, taken, strict=True):
        torch.testing.assert_close(loss.per_sample.mean().double(), 4 * full if on else 0 * full)


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


def test_second_order_posteriors_are_exact_for_gaussian_data() -> None:
    nature = VP().level(0.6)
    root = torch.tensor([[0.9, 0.0], [0.4, 0.2]], dtype=torch.float64)
    covariance = root @ root.T
    a, s2 = nature.alpha, nature.sigma**2
    gain = a * covariance @ torch.linalg.inv(a**2 * covariance + s2 * torch.eye(2, dtype=torch.float64))
    posterior = covariance - a * gain @ covariance
    x = torch.tensor([[0.3, -1.0]], dtype=torch.float64).expand(2, 2)
    unit = Scripted([torch.eye(2, dtype=torch.float64)])
    batch = Batch(x, nature, torch.arange(2))
    x_0 = SecondOrderTweedie()._posterior(lambda y, level, **_: y @ gain.T, batch, unit)
    spread = x_0 - x @ gain.T
    torch.testing.assert_close(spread.T @ spread, posterior, rtol=1e-10, atol=1e-13)


def test_on_a_stream_em_trains_a_narrow_range_of_levels() -> None:
    """Median and logarithmic spread of the levels of the EM part, in units of sigma_n / alpha_n."""
    nature = VP().level(0.6)
    for stream, middle, spread in ((True, 0.25, 0.4), (False, 0.5, 1.0)):
        objective = recommended(nature, 0.7, stream=stream)
        assert isinstance(objective, Sum)
        below = objective.parts[1][1].objective
        logs = (below.levels.draw(torch.rand(100_000, dtype=torch.float64)).ratio / nature.ratio).log()
        assert float(logs.median().exp()) == pytest.approx(middle, rel=0.02)
        assert float(logs.std()) == pytest.approx(spread, rel=0.02)


def test_the_recommended_recipe_takes_its_scale_from_noisy_data() -> None:
    nature = VP().level(0.6)
    clean = 0.7 * torch.randn(20_000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 5
    x_n = nature.perturb(clean, torch.randn(20_000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    assert sigma_data_of(x_n, nature) == pytest.approx(0.7, rel=0.02)
    with pytest.raises(ValueError, match="too high"):
        sigma_data_of(x_n, Level(nature.alpha, 2 * nature.sigma))
    with pytest.raises(ValueError, match="clean"):
        recommended(Level.clean(), 0.7)
    objective, denoiser = recommended(nature, 0.7), EDMDenoiser(Identity(), 0.7).double()
    batch = Batch(x_n[:64], nature, torch.arange(64))
    losses = [objective(denoiser, batch, Draws.of_step(0, step)) for step in range(20)]
    assert {frozenset(loss.terms) for loss in losses} == {frozenset({"antithetic"}), frozenset({"antithetic", "em"})}
    loss = next(loss for loss in losses if "em" in loss.terms)
    torch.testing.assert_close(loss.per_sample, loss.terms["antithetic"] + 4 * 0.3 * loss.terms["em"])


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_noisier2noise_is_its_papers_regression_and_correction(ratio: float) -> None:
    """Moran et al. eq. 6: f(z) = E[x_n | z], x_0 = ((1 + ratio^2) f - z) / ratio^2; for N(0, s^2) data, f = c z."""
    s, sigma_n = 0.7, 0.4
    nature, level = VE().level(sigma_n), VE().level(sigma_n * math.hypot(1, ratio))
    best = (s**2 + sigma_n**2) / (s**2 + float(level.sigma) ** 2)
    corrected = ((1 + ratio**2) * best - 1) / ratio**2
    x_n = math.hypot(s, sigma_n) * torch.randn(
        200_000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    batch = Batch(x_n, nature, torch.arange(len(x_n)))
    slope = torch.tensor(corrected, dtype=torch.float64, requires_grad=True)
    loss = noisier2noise(ratio)(lambda x, at, **_: slope * x, batch, Draws.of_step(0, 0))
    torch.testing.assert_close(loss.level.sigma, level.sigma.expand(len(x_n)))
    (push,) = torch.autograd.grad(loss.per_sample.mean(), slope)
    residual = best * (1 - best) * (s**2 + float(level.sigma) ** 2)
    assert float(loss.per_sample.detach().mean()) == pytest.approx(residual, rel=0.01)
    assert abs(float(push)) < 5e-3


def test_noisier2noise_needs_noise() -> None:
    batch = Batch(torch.zeros(4, 2), Level.clean(), torch.arange(4))
    with pytest.raises(ValueError, match="there is none"):
        noisier2noise()(gaussian(1.0), batch, Draws.of_step(0, 0))
