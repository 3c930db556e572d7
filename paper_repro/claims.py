r"""A paper's claim as a test on our figures, with its uncertainty, and the verdict that follows from it.

A test compares an estimate and its 95 % interval with a limit: it holds if the whole interval lies on the claimed side,
does not hold if the whole interval lies on the other, and is open otherwise. Over splits the interval is Student's,
mean ± t_{.975, n-1} s / sqrt(n); over images it is a bootstrap's. An artefact's claim holds if all of its tests hold,
and does not hold if one of them does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from scipy import stats
from torch import Tensor

from ambient.metrics.dominance import Dominance, Interval
from ambient.randomness import generator

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


def over_splits(values: Sequence[float]) -> Estimate:
    """The mean of one figure for each split, with Student's interval; one split gives none.

    Raises:
        ValueError: If there are no figures.
    """
    n = len(values)
    if n == 0:
        raise ValueError("an estimate needs at least one figure")
    mean = math.fsum(values) / n
    if n == 1:
        return Estimate(mean, -math.inf, math.inf, "1 split")
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    half = float(stats.t.ppf(0.975, n - 1)) * spread / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, f"{n} splits")


def over_images(
    measure: Callable[..., float], *samples: Tensor, draws: int = 1000, seed: int = 0, paired: bool = True
) -> Estimate:
    """A figure of samples that have one row an image, with a bootstrap interval.

    Args:
        measure: Of the samples.
        samples: (N, *) each; the same images in the same order if `paired`.
        draws: Bootstrap samples.
        seed: Of the bootstrap.
        paired: Whether rows are drawn together.
    """
    source = generator("attack", seed)
    found = []
    for _ in range(draws):
        rows = torch.randint(len(samples[0]), (len(samples[0]),), generator=source)
        others = [rows if paired else torch.randint(len(x), (len(x),), generator=source) for x in samples[1:]]
        found.append(measure(samples[0][rows], *(x[r] for x, r in zip(samples[1:], others, strict=True))))
    low, high = torch.tensor(found, dtype=torch.float64).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return Estimate(measure(*samples), float(low), float(high), f"{len(samples[0])} images")


def over_either(
    measure: Callable[..., float], splits: Sequence[tuple[Tensor, ...]], *, paired: bool = True
) -> Estimate:
    """A figure of each split's samples: over the splits, or over the images of the only one.

    The second says how sure the figure is of that one model, not of its training.

    Args:
        measure: Of the samples of one split.
        splits: The samples of each, with one row an image.
        paired: Whether rows of the samples belong together.
    """
    if len(splits) > 1:
        return over_splits([measure(*samples) for samples in splits])
    found = over_images(measure, *splits[0], draws=500, paired=paired)
    return Estimate(found.value, found.low, found.high, f"{found.over}, one split")


def of_interval(interval: Interval, over: str) -> Estimate:
    """An interval of `ambient.metrics.dominance`."""
    return Estimate(interval.value, interval.low, interval.high, over)


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


def dominates(title: str, found: Dominance, over: str) -> list[Test]:
    """The claim that similarities A lie above B: P(A > B) above 1/2, and hardly any quantile the other way."""
    return [
        above(f"{title}: P(A > B) above 1/2", of_interval(found.superiority, over), 0.5),
        below(
            f"{title}: violation of stochastic dominance below 0.05 (0 none, 1 reversed)",
            of_interval(found.violation, over),
            0.05,
        ),
    ]


def _judge(claim: str, estimate: Estimate, holds: bool, fails: bool, side: str) -> Test:
    if holds:
        return Test(claim, "holds", f"{estimate} is {side}")
    if fails:
        return Test(claim, "does not hold", f"{estimate} is not {side}")
    if math.isinf(estimate.high):
        return Test(claim, OPEN, f"{estimate}; a test needs at least two splits")
    return Test(claim, OPEN, f"{estimate}: the interval contains the limit, {side}")
