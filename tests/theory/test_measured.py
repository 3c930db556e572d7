from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from ambient.process import VE, VP
from theory.measured import masked, measured
from theory.mixture import GaussianMixture
from theory.worlds import FIXED8


@given(seed=st.integers(0, 2**20), m=st.integers(1, 3))
@settings(max_examples=5)
def test_posterior_means_agree_with_quadrature(seed: int, m: int) -> None:
    """Against sums over a grid of the plane, which know nothing of Gaussian conditioning."""
    source = torch.Generator().manual_seed(seed)
    means = torch.randn(3, 2, dtype=torch.float64, generator=source)
    root = 0.4 * torch.randn(3, 2, 2, dtype=torch.float64, generator=source)
    law = GaussianMixture(means, root @ root.mT + 0.05 * torch.eye(2), torch.tensor([1.0, 2.0, 3.0]))
    rows = torch.randn(1, m, 2, dtype=torch.float64, generator=source)
    y = torch.randn(1, m, dtype=torch.float64, generator=source)
    axis = torch.linspace(-7, 7, 561, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    prior = law.log_density(points, VE().level(0.0))
    log = prior - (points @ rows[0].T - y).square().sum(1) / 2 / 0.3
    expected = (log.softmax(0)[:, None] * points).sum(0)
    torch.testing.assert_close(measured(law, y, rows, 0.3).mean()[0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("process", [VE(), VP()])
def test_a_mask_of_ones_is_the_posterior_of_the_whole_sample(process: VE | VP) -> None:
    law = FIXED8.draw(0)
    level = process.level(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64))
    x_t = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    posterior = masked(law, x_t, torch.ones(1, 8), level)
    torch.testing.assert_close(posterior.mean(), law.posterior_mean(x_t, level))
    between = posterior.means - posterior.mean()[:, None]
    total = posterior.weights[..., None, None] * (posterior.covariances + between[..., None] * between[..., None, :])
    torch.testing.assert_close(total.sum(1), law.posterior_covariance(x_t, level), rtol=1e-9, atol=1e-12)


def test_what_is_hidden_is_not_looked_at() -> None:
    law = FIXED8.draw(0)
    mask = (torch.arange(8) % 2).double()[None]
    x_t = torch.randn(5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = masked(law, x_t, mask, VE().level(0.3)).mean()
    torch.testing.assert_close(masked(law, x_t * mask, mask, VE().level(0.3)).mean(), found, rtol=0, atol=0)
    marginal = GaussianMixture(law.means[:, 1::2], law.covariances[:, 1::2, 1::2], law.weights)
    torch.testing.assert_close(found[:, 1::2], marginal.posterior_mean(x_t[:, 1::2], VE().level(0.3)))


def test_samples_have_the_moments_of_the_posterior() -> None:
    law = GaussianMixture(torch.tensor([[-1.0, 0.0], [1.0, 0.5]]), torch.tensor([0.04, 0.09]))
    posterior = measured(law, torch.zeros(20_000, 1), torch.tensor([[[1.0, 1.0]]]), 0.5)
    x = posterior.sample(torch.Generator().manual_seed(0))
    mean = posterior.mean()[0]
    second = (
        posterior.weights[0, :, None, None]
        * (posterior.covariances[0] + posterior.means[0][..., None] * posterior.means[0][:, None])
    ).sum(0)
    covariance = second - mean[:, None] * mean
    torch.testing.assert_close(x.mean(0), mean, rtol=0, atol=4 * float(covariance.diagonal().max() / 20_000) ** 0.5)
    torch.testing.assert_close(x.T.cov(), covariance, rtol=0.05, atol=0.02)
