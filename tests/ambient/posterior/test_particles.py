"""Particles against the exact mixture, a convex solver, and the law behind the noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ambient.data import Batch
from ambient.objectives import (
    OnlineEM,
    recommended,
)
from ambient.posterior.particles import Particles, _climb, fit_particles
from ambient.process import VE, VP, Level, Process
from ambient.randomness import Draws
from theory.mixture import GaussianMixture


def _particles(width: float) -> Particles:
    places = torch.tensor([[-1.0, 0.0], [0.5, 0.4], [0.7, -0.9]], dtype=torch.float64)
    return Particles(places, torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64), width)


def _mixture(particles: Particles) -> GaussianMixture:
    covariance = particles.width**2 * torch.eye(2, dtype=torch.float64)
    return GaussianMixture(particles.places, covariance.expand(3, 2, 2), particles.weights)


@settings(max_examples=20, deadline=None)
@given(
    process=st.sampled_from([VE(), VP()]),
    t=st.floats(0.1, 0.9),
    width=st.floats(0.01, 0.5),
    x=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
)
def test_the_likelihood_is_that_of_the_noisy_mixture(
    process: Process, t: float, width: float, x: tuple[float, float]
) -> None:
    """In the VE coordinates y = x / alpha the law is the mixture's at sigma / alpha."""
    particles, level = _particles(width), process.level(t)
    y = torch.tensor([x], dtype=torch.float64)
    exact = _mixture(particles).log_density(y, VE().level(float(level.ratio)))
    found = particles.log_likelihood(y * level.alpha, level)
    assert float(found) == pytest.approx(float(exact), abs=1e-10)


@pytest.mark.parametrize("level", [VE().level(0.6), VP().level(0.5)], ids=["VE", "VP"])
def test_posterior_samples_have_the_exact_mean_and_covariance(level: Level) -> None:
    particles = _particles(0.2)
    x_n = torch.tensor([[0.1, 0.0]], dtype=torch.float64).expand(40_000, 2)
    batch = Batch(x_n, level, torch.arange(40_000))
    x_0 = particles(None, batch, None, Draws.of_step(0, 0))
    mixture = _mixture(particles)
    mean, covariance = mixture.posterior_mean(x_n[:1], level)[0], mixture.posterior_covariance(x_n[:1], level)[0]
    assert torch.allclose(x_0.mean(0), mean, atol=5 * float(covariance.trace()) ** 0.5 / 200)
    assert torch.allclose(x_0.T.cov(), covariance, atol=0.02 * float(covariance.trace()))


def test_the_weights_climb_to_the_optimum_of_a_convex_problem() -> None:
    source = np.random.default_rng(0)
    x = np.concatenate([source.normal(-1, 0.5, 60), source.normal(1, 0.5, 40)])
    distances = (x[:, None] - np.linspace(-2, 2, 9)[None]) ** 2
    variance = 0.3
    kernel = np.exp(-distances / (2 * variance))

    def loss(z: np.ndarray) -> float:
        return -float(np.log(kernel @ (np.exp(z) / np.exp(z).sum())).mean())

    best = -minimize(loss, np.zeros(9), method="BFGS", options={"gtol": 1e-9}).fun - 0.5 * np.log(variance)
    squared = torch.tensor(distances)
    likelihood, weights = _climb(squared, squared.clone(), variance, 1, 3000)
    ratio = (kernel / (kernel @ weights.numpy())[:, None]).mean(0)
    assert likelihood > best - 1e-6
    assert float(ratio.max()) - 1 < 2e-4  # by concavity, no weights are better by more than this
    assert float(weights.sum()) == pytest.approx(1)


def test_a_fit_to_noisy_samples_finds_the_clean_law() -> None:
    """Two clusters, half as wide as the noise and three noise widths apart, from noisy samples alone."""
    means = torch.tensor([[-0.6], [0.6]], dtype=torch.float64)
    truth = GaussianMixture(means, torch.full((2, 1, 1), 0.01, dtype=torch.float64), torch.tensor([0.3, 0.7]).double())
    source = torch.Generator().manual_seed(0)
    nature = VP().level(0.2 / (1 + 0.2**2) ** 0.5)
    x_0 = truth.sample(30_000, source)
    x_n = nature.perturb(x_0, torch.randn(x_0.shape, dtype=torch.float64, generator=source)).float()
    particles = fit_particles(x_n, nature, count=120, widths=(0.3, 0.5), samples=8_000)
    batch = Batch(x_n, nature, torch.arange(len(x_n)))
    drawn = particles(None, batch, None, Draws.of_step(0, 0)).double()
    spread = {name: float((x.abs() - 0.6).std()) for name, x in (("drawn", drawn), ("noisy", x_n / nature.alpha))}
    assert spread["drawn"] == pytest.approx(0.1, abs=0.012)
    assert spread["noisy"] > 0.2
    assert float((drawn > 0).double().mean()) == pytest.approx(0.7, abs=0.02)


def test_the_recipe_in_few_dimensions_learns_from_the_particles_at_every_level() -> None:
    nature, particles = VE().level(0.3), _particles(0.1)
    objective = recommended(nature, 0.8, particles=particles)
    assert isinstance(objective, OnlineEM)
    x_n = torch.randn(512, 2, generator=torch.Generator().manual_seed(0))
    batch = Batch(x_n, nature, torch.arange(512))
    exact = objective(
        lambda x, level, **_: _mixture(particles).posterior_mean(x, level).to(x), batch, Draws.of_step(0, 0)
    )
    biased = objective(lambda x, level, **_: x, batch, Draws.of_step(0, 0))
    assert bool((exact.level.ratio > 0.3).any())
    assert bool((exact.level.ratio < 0.3).any())
    assert float(exact.per_sample.mean()) < float(biased.per_sample.mean())


def test_too_few_or_clean_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 noisy samples, got 4"):
        fit_particles(torch.zeros(4, 2), VE().level(0.2))
    with pytest.raises(ValueError, match="sigma 0"):
        fit_particles(torch.zeros(40, 2), Level.clean())
