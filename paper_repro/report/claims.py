r"""A paper's claim as a test on our figures, with its uncertainty, and the verdict that follows from it.

A test compares an estimate and its 95 % interval with a limit: it holds if the whole interval lies on the claimed side,
does not hold if the whole interval lies on the other, and is open otherwise. An artefact's claim holds if all of its
tests hold, and does not hold if one of them does not. `paper_repro.report.estimates` makes the estimates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["holds", "does not hold", "cannot be tested at this scale"]
OPEN: Outcome = "cannot be tested at this scale"


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: The figure.
        low: Lower end; minus infinity where there is no interval.
        high: Upper end.
        over: What varied: "3 splits", "100 images".
    """

    value: float
    low: float
    high: float
    over: str

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"{self.value:.3g} ({self.over}: no interval)"
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}] ({self.over})"


@dataclass(frozen=True)
class Test:
    """A claim, what was found of it, and why.

    Attributes:
        claim: In words, with its limit.
        outcome: What follows.
        why: The figures, or what is missing.
    """

    __test__ = False  # pytest

    claim: str
    outcome: Outcome
    why: str


def exact(value: float) -> Estimate:
    """A figure of a single training run that is taken as exact, as the papers do."""
    return Estimate(value, value, value, "one training run, taken as exact")


def below(claim: str, estimate: Estimate, limit: float) -> Test:
    """The claim that a figure lies below a limit."""
    return _judge(claim, estimate, estimate.high < limit, estimate.low >= limit, f"below {limit:g}")


def above(claim: str, estimate: Estimate, limit: float) -> Test:
    """The claim that a figure lies above a limit."""
    return _judge(claim, estimate, estimate.low > limit, estimate.high <= limit, f"above {limit:g}")


def untestable(claim: str, why: str) -> Test:
    """A claim that these models say nothing about."""
    return Test(claim, OPEN, why)


def overall(tests: Sequence[Test]) -> Outcome:
    """What follows for the artefact.

    Raises:
        ValueError: If there are no tests.
    """
    if not tests:
        raise ValueError("a verdict needs at least one test")
    if any(test.outcome == "does not hold" for test in tests):
        return "does not hold"
    return "holds" if all(test.outcome == "holds" for test in tests) else OPEN


def _judge(claim: str, estimate: Estimate, holds: bool, fails: bool, side: str) -> Test:
    if holds:
        return Test(claim, "holds", f"{estimate} is {side}")
    if fails:
        return Test(claim, "does not hold", f"{estimate} is not {side}")
    if math.isinf(estimate.high):
        return Test(claim, OPEN, f"{estimate}; a test needs at least two splits")
    return Test(claim, OPEN, f"{estimate}: the interval contains the limit, {side}")
