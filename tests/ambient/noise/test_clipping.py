from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from ambient.noise.clipping import Limits, clipped_moments, find_limits, unclipped_bounds

BOTH = Limits(-1.0, 1.0, 0.1, 0.1)


@given(st.floats(-1.2, 1.2), st.floats(0.02, 1.0), st.sampled_from([(-1.0, 1.0), (-1.0, math.inf), (-math.inf, 1.0)]))
def test_moments_against_quadrature(mu: float, sigma: float, limits: tuple[float, float]) -> None:
    low, high = limits
    start, stop = max(low, mu - 12 * sigma), min(high, mu + 12 * sigma)
    start, stop = min(start, stop), max(start, stop)
    moments = []
    for power in (1, 2):
        inside, _ = integrate.quad(
            lambda y, power=power: y**power * stats.norm.pdf(y, mu, sigma),
            start,
            stop,
            epsabs=1e-13,
            points=None,
            limit=200,
        )
        below = low**power * stats.norm.cdf(low, mu, sigma) if math.isfinite(low) else 0.0
        above = high**power * stats.norm.sf(high, mu, sigma) if math.isfinite(high) else 0.0
        moments.append(inside + below + above)
    mean, variance = clipped_moments(torch.tensor(mu).double(), torch.tensor(sigma).double(), low, high)
    assert mean.item() == pytest.approx(moments[0], abs=1e-7)
    assert variance.item() == pytest.approx(moments[1] - moments[0] ** 2, abs=1e-6)


def test_at_a_limit_a_third_of_the_variance_is_left() -> None:
    _, variance = clipped_moments(*torch.tensor([-1.0, 0.1], dtype=torch.float64), -1, math.inf)
    assert variance.item() == pytest.approx(0.01 * (0.5 - 0.5 / math.pi), rel=1e-12)


@given(st.floats(0.05, 0.7), st.lists(st.floats(-1, 1), min_size=1, max_size=6))
def test_bounds_hold_for_any_clean_values_between_the_limits(sigma: float, clean: list[float]) -> None:
    mu = torch.tensor(clean, dtype=torch.float64)
    s = torch.tensor(sigma, dtype=torch.float64)
    _, variance = clipped_moments(mu, s, -1, 1)
    share = stats.norm.cdf(-1, mu, sigma) + stats.norm.sf(1, mu, sigma)
    least, most = unclipped_bounds(variance.mean()[None], torch.tensor(share.mean())[None], BOTH)
    assert least.item() <= sigma**2 * 1.01
    assert most.item() >= sigma**2 * 0.99
    assert most.item() <= least.item() * 1.25  # what is left open is little


def test_nothing_clipped_changes_nothing() -> None:
    variance = torch.rand(5).double()
    least, most = unclipped_bounds(variance, torch.zeros(5).double(), Limits(None, None, 0.0, 0.0))
    assert torch.equal(least, variance)
    assert torch.equal(most, variance)


def test_limits_are_found_where_many_pixels_lie() -> None:
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(20, 1, 16, 16, generator=draws)
    assert not find_limits(images).clipped
    limits = find_limits(images.clamp(-1, 9))
    assert (limits.low, limits.high) == (-1.0, None)
    assert limits.low_share == pytest.approx(0.159, abs=0.02)
    assert limits.saturated(images.clamp(-1, 9)).double().mean().item() == pytest.approx(limits.low_share)
