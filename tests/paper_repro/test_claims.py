from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from paper_repro.claims import Estimate, Test, above, below, over_images, over_splits, overall, untestable

NUMBERS = st.floats(-100, 100, allow_subnormal=False)


@given(st.lists(NUMBERS, min_size=2, max_size=6))
def test_the_interval_over_splits_is_students(values: list[float]) -> None:
    found = over_splits(values)
    low, high = stats.t.interval(0.95, len(values) - 1, sum(values) / len(values), max(stats.sem(values), 1e-300))
    assert math.isclose(found.low, low, rel_tol=1e-9, abs_tol=1e-9)
    assert math.isclose(found.high, high, rel_tol=1e-9, abs_tol=1e-9)


def test_one_split_decides_nothing() -> None:
    found = over_splits([0.1])
    assert below("x", found, 1.0).outcome == "cannot be tested at this scale"
    assert above("x", found, 1.0).outcome == "cannot be tested at this scale"


@given(NUMBERS, st.floats(0, 10), st.floats(0, 10), NUMBERS)
def test_a_test_says_what_its_interval_says(value: float, down: float, up: float, limit: float) -> None:
    estimate = Estimate(value, value - down, value + up, "3 splits")
    outcome = below("x", estimate, limit).outcome
    assert (outcome == "holds") == (value + up < limit)
    assert (outcome == "does not hold") == (value - down >= limit)
    outcome = above("x", estimate, limit).outcome
    assert (outcome == "holds") == (value - down > limit)
    assert (outcome == "does not hold") == (value + up <= limit)


def test_the_bootstrap_covers_a_mean() -> None:
    g = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(40):
        x = torch.randn(80, generator=g, dtype=torch.float64)
        found = over_images(lambda v: float(v.mean()), x, draws=100)
        covered += found.low <= 0 <= found.high
    assert 33 <= covered <= 40  # .95 of 40 is 38, with a standard deviation of 1.4


def test_pairs_are_drawn_together() -> None:
    x = torch.randn(200, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = over_images(lambda a, b: float((a - b).mean()), x + 0.1, x, draws=100)
    apart = over_images(lambda a, b: float((a - b).mean()), x + 0.1, x, draws=100, paired=False)
    assert together.high - together.low < 1e-9
    assert apart.high - apart.low > 0.1


def test_a_verdict_is_that_of_its_worst_test() -> None:
    holds, fails = Test("a", "holds", "1"), Test("b", "does not hold", "2")
    open_ = untestable("c", "3")
    assert overall([holds, holds]) == "holds"
    assert overall([holds, open_]) == "cannot be tested at this scale"
    assert overall([holds, open_, fails]) == "does not hold"
    with pytest.raises(ValueError, match="at least one"):
        overall([])
