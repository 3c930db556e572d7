"""Verdicts follow from intervals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_repro.report.claims import Estimate, Test, above, below, exact, overall, untestable

NUMBERS = st.floats(-100, 100, allow_subnormal=False)


def test_one_split_decides_nothing() -> None:
    found = Estimate(0.1, -math.inf, math.inf, "1 split")
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


def test_a_verdict_is_that_of_its_worst_test() -> None:
    holds, fails = Test("a", "holds", "1"), Test("b", "does not hold", "2")
    open_ = untestable("c", "3")
    assert overall([holds, holds]) == "holds"
    assert overall([holds, open_]) == "cannot be tested at this scale"
    assert overall([holds, open_, fails]) == "does not hold"
    with pytest.raises(ValueError, match="at least one"):
        overall([])


def test_a_figure_taken_as_exact_is_decided_by_itself() -> None:
    assert below("x", exact(0.9), 1.0).outcome == "holds"
    assert below("x", exact(1.0), 1.0).outcome == "does not hold"
