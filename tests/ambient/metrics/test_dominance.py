from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ambient.metrics.dominance import dominance, superiority, violation

SAMPLES = st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9]), min_size=1, max_size=12)


def normal(n: int, mean: float, std: float, seed: int) -> Tensor:
    return mean + std * torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(SAMPLES, SAMPLES)
def test_superiority_is_mann_and_whitneys(a: list[float], b: list[float]) -> None:
    theirs = scipy.stats.mannwhitneyu(a, b).statistic / (len(a) * len(b))
    assert superiority(torch.tensor(a).double(), torch.tensor(b).double()) == pytest.approx(theirs, abs=1e-12)


@given(SAMPLES, SAMPLES)
def test_violation_is_the_integral_over_quantiles(a: list[float], b: list[float]) -> None:
    """On the common grid of both, between whose points no quantile function jumps."""
    grid = (np.arange(len(a) * len(b)) + 0.5) / (len(a) * len(b))
    q_a, q_b = (np.quantile(x, grid, method="inverted_cdf") for x in (a, b))
    total = ((q_a - q_b) ** 2).mean()
    expected = (np.clip(q_b - q_a, 0, None) ** 2).mean() / total if total > 0 else 0.5
    found = violation(torch.tensor(a).double(), torch.tensor(b).double())
    assert found == pytest.approx(expected, abs=1e-7)


def test_violation_of_normal_laws() -> None:
    """N(0.3, 1) against N(0, 2): quantiles cross once; the ratio by scipy's quadrature."""

    def gap(p: float) -> float:
        return 0.3 + scipy.stats.norm.ppf(p) - 2 * scipy.stats.norm.ppf(p)

    wrong = scipy.integrate.quad(lambda p: max(-gap(p), 0) ** 2, 0, 1, limit=200)[0]
    whole = scipy.integrate.quad(lambda p: gap(p) ** 2, 0, 1, limit=200)[0]
    assert violation(normal(200_000, 0.3, 1, 0), normal(200_000, 0, 2, 1)) == pytest.approx(wrong / whole, abs=0.01)
    assert violation(normal(1000, 9, 1, 0), normal(1000, 0, 1, 1)) == 0
    assert violation(normal(1000, 0, 1, 0), normal(1000, 9, 1, 1)) == 1


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    truth = float(scipy.stats.norm.cdf(0.5 / 2**0.5))
    found = [
        dominance(normal(60, 0.5, 1, 2 * i), normal(60, 0, 1, 2 * i + 1), paired=False, draws=200) for i in range(120)
    ]
    inside = np.mean([x.superiority.low <= truth <= x.superiority.high for x in found])
    assert inside == pytest.approx(0.95, abs=0.06)


def test_pairs_make_intervals_narrow() -> None:
    shared = normal(300, 0.5, 1, 0)
    a, b = shared + 0.05 + 0.01 * normal(300, 0, 1, 1), shared
    paired, unpaired = (dominance(a, b, paired=p, draws=300).difference for p in (True, False))
    assert paired.low > 0.045
    assert paired.high < 0.055
    assert unpaired.low < 0 < unpaired.high


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two finite"):
        dominance(torch.ones(1), torch.ones(5), paired=False)
    with pytest.raises(ValueError, match="are no pairs"):
        dominance(torch.ones(4), torch.ones(5), paired=True)
