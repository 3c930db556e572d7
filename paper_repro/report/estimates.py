r"""Estimates with 95 % intervals: over splits, and over images.

Over splits the interval is Student's, mean ± t_{.975, n-1} s / sqrt(n); over images it is a bootstrap's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from scipy import stats
from torch import Tensor

from ambient.metrics.dominance import Dominance, Interval
from ambient.randomness import generator
from paper_repro.report.claims import Estimate, Test, above, below


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


def ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """The ratio of two figures, split by split; splits in which the second is 0 are left out.

    Raises:
        ValueError: If no split is left.
    """
    return over_splits([a / b for a, b in zip(above, below, strict=True) if b > 0])


def of_interval(interval: Interval, over: str) -> Estimate:
    """An interval of `ambient.metrics.dominance`."""
    return Estimate(interval.value, interval.low, interval.high, over)


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
