from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from ambient.audit.intervals import Count, behind, bootstrap, effective, melded, share


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.8, 0.95, 0.99]))
def test_clopper_pearson_is_scipys(hits: int, of: int, confidence: float) -> None:
    hits = min(hits, of)
    found = Count(hits, of).interval(confidence)
    theirs = binomtest(hits, of).proportion_ci(confidence, method="exact")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert found.value == hits / of


def test_nothing_counted_says_nothing() -> None:
    found = Count(0, 0).interval()
    assert (found.low, found.high) == (0, 1)


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_duplicates_are_no_evidence(seed: int, times: int) -> None:
    """Every sample `times` over is as much evidence as once."""
    source = torch.Generator().manual_seed(seed)
    values = torch.rand(50, generator=source) < 0.3
    once = effective(values, torch.arange(50))
    repeated = effective(values.repeat(times), torch.arange(50).repeat(times))
    assert repeated.share == pytest.approx(once.share)
    assert repeated.of == pytest.approx(once.of, rel=0.03)
    assert once.of <= 50


def test_clusters_that_differ_count_by_their_variance() -> None:
    """Ten clusters of ten, five wholly hit: the standard error is that of ten numbers."""
    values, clusters = torch.arange(100) < 50, torch.arange(100) // 10
    found = effective(values, clusters)
    standard_error = np.std([1, 0] * 5, ddof=1) / 10**0.5
    assert found.share * (1 - found.share) / found.of == pytest.approx(standard_error**2)


@pytest.mark.parametrize(("rate", "size"), [(0.02, 1), (0.3, 1), (0.3, 4)])
def test_shares_are_covered(rate: float, size: int) -> None:
    """By simulation: at least 95 % of the intervals hold the rate, less three standard errors."""
    source, trials, covered = torch.Generator().manual_seed(0), 400, 0
    clusters = torch.arange(60 * size) // size
    for _ in range(trials):
        values = (torch.rand(60, generator=source) < rate).repeat_interleave(size)
        found = share(values, clusters)
        covered += found.low <= rate <= found.high
    assert covered / trials >= 0.95 - 3 * (0.05 * 0.95 / trials) ** 0.5


@pytest.mark.parametrize(("rate", "false", "found"), [(0.0, 0.02, 1.0), (0.05, 0.01, 0.9), (0.5, 0.1, 0.7)])
def test_shares_behind_an_imperfect_test_are_covered(rate: float, false: float, found: float) -> None:
    source, trials, covered = np.random.default_rng(0), 200, 0
    for _ in range(trials):
        positive = source.binomial(300, rate * found + (1 - rate) * false)
        alarms, hits = Count(source.binomial(400, false), 400), Count(source.binomial(150, found), 150)
        low, high = melded(Count(positive, 300), alarms, alarms, hits, seed=1)
        # The lower end takes it that no copy is missed, so it may lie lower, never higher.
        covered += low <= rate <= high
    assert covered / trials >= 0.95 - 3 * (0.05 * 0.95 / trials) ** 0.5


def test_a_perfect_test_leaves_clopper_and_pearson() -> None:
    none, all_of_them = Count(0, 10**7), Count(10**7, 10**7)
    low, high = melded(Count(30, 600), none, none, all_of_them)
    plain = Count(30, 600).interval()
    assert (low, high) == pytest.approx((plain.low, plain.high), rel=0.02)


def test_behind() -> None:
    p, f, s = (np.array(x) for x in ([0.05, 0.5, 0.95, 0.275], [0.05, 0.1, 0.0, 0.05], [0.9, 0.9, 0.9, 0.95]))
    assert behind(p, f, s).tolist() == pytest.approx([0, 0.5, 1, 0.25])


def test_bootstrap_of_a_mean_is_the_normal_interval() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    low, high = bootstrap(lambda rows: float(values[rows].mean()), torch.arange(400), draws=1500)
    half = float(norm.ppf(0.975) * values.std() / 20)
    assert (low, high) == pytest.approx((float(values.mean()) - half, float(values.mean()) + half), abs=0.15 * half)


def test_bootstrap_draws_clusters() -> None:
    values = torch.randn(40, generator=torch.Generator().manual_seed(4)).repeat_interleave(10)
    mean = lambda rows: float(values[rows].mean())  # noqa: E731
    apart = bootstrap(mean, torch.arange(400))
    together = bootstrap(mean, torch.arange(400) // 10)
    assert 2 < (together[1] - together[0]) / (apart[1] - apart[0]) < 5
