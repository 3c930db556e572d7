import math

import pytest
import scipy.integrate
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ambient.process import VE, VP, Flow
from theory.mixture import GaussianMixture
from theory.separation import (
    distance,
    noisy_total_variation,
    printed_threshold,
    sharp_threshold,
    threshold_level,
    total_variation,
)

TAU = st.floats(1e-3, 0.999)
SHARE = st.floats(0.02, 0.98)
PROCESSES = {"VE": (VE(), 30.0), "VP": (VP(), 0.999), "Flow": (Flow(), 0.98)}


def by_quadrature(mean: float, std: float) -> float:
    """Half of the integral of |p - q| for two normal densities `mean` apart."""
    first, second = scipy.stats.norm(0, std), scipy.stats.norm(mean, std)
    value, _ = scipy.integrate.quad(lambda x: max(first.pdf(x) - second.pdf(x), 0), -12 * std, mean / 2, limit=200)
    return value


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(PROCESSES)), time=st.floats(0, 1), d=st.floats(0.01, 8), std=st.floats(0.1, 3))
def test_total_variation_by_quadrature_at_any_level(name, time, d, std):
    process, last = PROCESSES[name]
    level = process.level(time * last)
    alpha, sigma = float(level.alpha), float(level.sigma)
    expected = by_quadrature(alpha * d, math.hypot(alpha * std, sigma))
    assert float(noisy_total_variation(d, level, std)) == pytest.approx(expected, abs=1e-8)


def test_total_variation_of_noisy_components_in_three_dimensions():
    means = torch.tensor([[0.0, 0.0, 0.0], [1.0, -2.0, 2.0]], dtype=torch.float64)
    one, two = (GaussianMixture(m[None], torch.ones(1)) for m in means)
    level = VP().level(0.6)
    noise = torch.randn(200_000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = one.at(level).means + one.at(level).covariances.sqrt()[:, None] * noise
    ratio = (two.log_density(x, level) - one.log_density(x, level)).exp()
    estimate = (1 - ratio).clamp(min=0)
    expected = float(noisy_total_variation(3.0, level))
    assert float(estimate.mean()) == pytest.approx(expected, abs=4 * float(estimate.std()) / 200_000**0.5)


@given(d=st.floats(1e-6, 8))
def test_distance_inverts_total_variation(d):
    assert float(distance(total_variation(d))) == pytest.approx(d, rel=1e-6)


@given(tau=TAU, share=SHARE)
def test_the_sharp_thresholds_are_where_the_total_variation_crosses(tau, share):
    apart = float(distance(tau))
    for event, target in (("separated", share * tau), ("merged", share * tau)):
        delta = target / 2 if event == "separated" else target
        sigma = sharp_threshold(tau, delta, event)
        assert float(noisy_total_variation(apart, VP().level(sigma))) == pytest.approx(target, rel=1e-6)


@settings(max_examples=300)
@given(tau=TAU, share=SHARE)
def test_printed_separation_is_sufficient_and_printed_merging_never_is(tau, share):
    apart = float(distance(tau))
    low = printed_threshold(tau, share * tau / 2, "separated")
    assert low <= sharp_threshold(tau, share * tau / 2, "separated")
    assert float(noisy_total_variation(apart, VP().level(low))) >= share * tau * (1 - 1e-12)
    high = printed_threshold(tau, share * tau, "merged")
    assert float(noisy_total_variation(apart, VP().level(high))) >= share * tau * (1 - 1e-12)
    if tau > 0.01:
        assert float(noisy_total_variation(apart, VP().level(high))) > share * tau


def test_the_printed_bounds_are_attained_for_small_tau_and_slack_for_large():
    for tau, ratio in ((1 / 600, 1.0000007), (0.5, 1.076), (0.9999, 3.1)):
        apart = float(distance(tau))
        delta = tau * 1e-3
        high = printed_threshold(tau, delta, "merged")
        assert float(noisy_total_variation(apart, VP().level(high))) / delta == pytest.approx(ratio, rel=2e-3)


@pytest.mark.parametrize("name", sorted(PROCESSES))
@pytest.mark.parametrize("std", [0.5, 1.0, 2.0])
def test_the_threshold_as_a_time_of_any_process(name, std):
    process, _ = PROCESSES[name]
    tau, delta = 0.9, 0.2
    time = process.time(threshold_level(tau, delta, "merged", std))
    variation = noisy_total_variation(std * float(distance(tau)), process.level(time), std)
    assert float(variation) == pytest.approx(delta, rel=1e-9)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="needs 0 < tau < 1"):
        sharp_threshold(1.0, 0.1, "merged")
    with pytest.raises(ValueError, match="even without noise"):
        printed_threshold(0.3, 0.2, "separated")
    assert printed_threshold(0.1, 0.2, "merged") == 0.0
