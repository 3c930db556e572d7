"""The identities behind P1's statements, over random mixtures, levels and dimensions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ambient import kernels
from ambient.process import Level
from tests.exact import Mixture, relative_error, two_levels
from theory.mixture import GaussianMixture
from theory.statements.p1_ambient import ambient_loss, stein_risk
from theory.statements.p1_consistency import expectation_under

SEEDS = st.integers(0, 10**6)


def world(seed: int, d: int, components: int = 3) -> GaussianMixture:
    oracle = Mixture.random(seed, components, d)
    return GaussianMixture(oracle.means, oracle.covariances, oracle.weights)


def points(law: GaussianMixture, level: Level, seed: int, n: int = 12) -> Tensor:
    return law.at(level).sample(n, torch.Generator().manual_seed(seed))


@given(two_levels(), SEEDS, st.floats(-2, 2), st.floats(-1, 1), st.floats(0.1, 1.2))
def test_ambient_score_matching_is_steins_risk(
    levels: tuple[Level, Level], seed: int, slope: float, height: float, frequency: float
) -> None:
    nature, level = levels
    law = world(seed, 1)

    def h(x_t: Tensor, level: Level | Tensor, **condition: object) -> Tensor:
        return slope * x_t + height * (frequency * x_t + 0.3).sin()

    v = level.sigma**2 - (level.alpha / nature.alpha * nature.sigma) ** 2
    a = float(nature.alpha * v / level.sigma**2)
    constant = float(nature.sigma**2 * v / level.sigma**2)
    j, sure = ambient_loss(h, nature, level, law=law), stein_risk(h, level, law)
    assert j == pytest.approx(a**2 * sure + constant, rel=1e-8, abs=1e-8 * constant)


@given(two_levels(), SEEDS, st.integers(1, 4))
def test_one_step_kernels_have_the_exact_mean_and_known_covariance_errors(
    levels: tuple[Level, Level], seed: int, d: int
) -> None:
    target, level = levels
    law = world(seed, d)
    x = points(law, level, seed)
    h, cov, exact = (
        law.posterior_mean(x, level),
        law.posterior_covariance(x, level),
        law.reverse_kernel(x, level, target),
    )
    euler, ancestral = (step(h, x, level, target) for step in (kernels.euler_maruyama, kernels.ancestral))
    matched = kernels.covariance_matched(h, x, level, target, level.alpha / level.sigma**2 * cov)
    eye = torch.eye(d, dtype=torch.float64)
    factor = ((1 - (target.ratio / level.ratio) ** 2) * target.alpha) ** 2
    scale = float(exact.covariance().abs().max())
    for step in (euler, ancestral, matched):
        assert relative_error(step.mean, exact.mean()) <= 1e-10
    wide = exact.covariance() + factor * (level.ratio**2 * eye - cov)
    torch.testing.assert_close((euler.std**2 * eye).expand_as(wide), wide, rtol=1e-9, atol=1e-10 * float(wide.max()))
    narrow = exact.covariance() - factor * cov
    torch.testing.assert_close((ancestral.std**2 * eye).expand_as(narrow), narrow, rtol=1e-9, atol=1e-9 * scale)
    torch.testing.assert_close(matched.std @ matched.std.mT, exact.covariance(), rtol=1e-9, atol=1e-9 * scale)


@given(two_levels(), SEEDS)
def test_euler_wins_where_the_posterior_is_wide(levels: tuple[Level, Level], seed: int) -> None:
    target, level = levels
    law = world(seed, 1)
    x = points(law, level, seed, 40)
    h, exact = law.posterior_mean(x, level), law.reverse_kernel(x, level, target).covariance()[:, 0, 0]
    cov = law.posterior_covariance(x, level)[:, 0, 0]
    euler, ancestral = (step(h, x, level, target).std ** 2 for step in (kernels.euler_maruyama, kernels.ancestral))
    clear = (cov / level.ratio**2 - 0.5).abs() > 1e-6
    nearer = (euler - exact).abs() < (ancestral - exact).abs()
    assert bool((nearer == (cov > level.ratio**2 / 2))[clear].all())


@given(SEEDS, st.integers(1, 2), st.floats(0.3, 2.0), st.floats(0.8, 0.98))
def test_the_optimal_denoiser_is_consistent(seed: int, d: int, sigma: float, step: float) -> None:
    law = world(seed, d, 2)
    level, target = Level(torch.tensor(1.0), torch.tensor(sigma)), Level(torch.tensor(1.0), torch.tensor(sigma * step))
    x = points(law, level, seed, 6)
    mean = expectation_under(law.reverse_kernel(x, level, target), lambda y: law.posterior_mean(y, target), 40)
    torch.testing.assert_close(mean, law.posterior_mean(x, level), rtol=0, atol=2e-5)
