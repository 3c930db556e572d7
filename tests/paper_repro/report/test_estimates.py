"""Intervals over splits and over images."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from paper_repro.report.claims import below
from paper_repro.report.estimates import over_either, over_images, over_splits, ratio

NUMBERS = st.floats(-100, 100, allow_subnormal=False)


@given(st.lists(NUMBERS, min_size=2, max_size=6))
def test_the_interval_over_splits_is_students(values: list[float]) -> None:
    found = over_splits(values)
    low, high = stats.t.interval(0.95, len(values) - 1, sum(values) / len(values), max(stats.sem(values), 1e-300))
    assert math.isclose(found.low, low, rel_tol=1e-9, abs_tol=1e-9)
    assert math.isclose(found.high, high, rel_tol=1e-9, abs_tol=1e-9)


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


def test_one_split_has_no_interval_over_splits_and_one_over_its_images() -> None:
    assert below("x", over_splits([0.1]), 1.0).outcome == "cannot be tested at this scale"
    x = torch.randn(50, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    alone = over_either(lambda v: float(v.mean()), [(x,)])
    assert alone.low < float(x.mean()) < alone.high
    assert alone.over == "50 images, one split"
    both = over_either(lambda v: float(v.mean()), [(x,), (x + 1,)])
    assert math.isclose(both.value, float(x.mean()) + 0.5)
    assert both.over == "2 splits"


def test_a_ratio_leaves_out_splits_without_a_denominator() -> None:
    assert ratio([1.0, 5.0, 4.0], [2.0, 0.0, 8.0]).over == "2 splits"
    assert ratio([1.0, 5.0, 4.0], [2.0, 0.0, 8.0]).value == 0.5
