r"""Confidence intervals of shares and statistics, of samples that may repeat each other.

*Shares* (Clopper and Pearson 1934): with k of n,

    low = B(a/2; k, n - k + 1),     high = B(1 - a/2; k + 1, n - k),

quantiles of Beta distributions. Samples that are duplicates of each other are no independent evidence. As Korn and
Graubard (1998) do for clustered surveys, n is replaced by an effective number n / deff, and k by share * n. deff is the
larger of two: Kish's sum m_c^2 / n, which clusters of sizes m_c have if their members agree, and the ratio of the
clustered to the binomial variance of this share, which is larger where big clusters differ from small ones.

*Shares behind an imperfect test* (Bayer, Fay and Graubard 2022, arXiv 2205.13494): if a share pi of the samples is
positive, and a test finds a positive with probability s and errs on a negative with probability f, a share
p = pi s + (1 - pi) f tests positive, so pi = g(p, f, s) = (p - f) / (s - f). The melded interval (Fay, Proschan and
Brittain 2015) runs from the a/2 quantile of g(B_low(p), B_high(f), B_high(s)) to the 1 - a/2 quantile of
g(B_high(p), B_low(f), B_low(s)), with B_low = Beta(k, n - k + 1) and B_high = Beta(k + 1, n - k).

*Statistics* of samples and clusters: percentile bootstrap over clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import beta
from torch import Tensor

from ambient.randomness import generator

Vector = np.ndarray
_DRAWS = 2_000


@dataclass(frozen=True)
class Interval:
    """A number and its confidence interval.

    Attributes:
        value: The estimate.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Count:
    """How many of how many; both may be fractions, as effective numbers are.

    Attributes:
        hits: At least 0.
        of: At least `hits`.
    """

    hits: float
    of: float

    @classmethod
    def below(cls, values: Tensor, threshold: float) -> Count:
        """How many values lie below a threshold."""
        return cls(int((values < threshold).sum()), len(values))

    @property
    def share(self) -> float:
        """hits / of; nan for 0 of 0."""
        return self.hits / self.of if self.of else float("nan")

    def interval(self, confidence: float = 0.95) -> Interval:
        """Clopper and Pearson's interval; 0 to 1 for 0 of 0."""
        tail = (1 - confidence) / 2
        return Interval(self.share, float(self.lower(tail)), float(self.upper(1 - tail)))

    def lower(self, quantiles: float | Vector) -> Vector:
        """Quantiles of B_low; 0 where nothing was hit."""
        return np.asarray(beta.ppf(quantiles, self.hits, self.of - self.hits + 1) if self.hits else 0 * quantiles)

    def upper(self, quantiles: float | Vector) -> Vector:
        """Quantiles of B_high; 1 where all were hit."""
        misses = self.of - self.hits
        return np.asarray(beta.ppf(quantiles, self.hits + 1, misses) if misses > 0 else 0 * quantiles + 1)


def effective(values: Tensor, clusters: Tensor) -> Count:
    """A share of samples as an effective count.

    Args:
        values: What is averaged, in [0, 1], (N,), N >= 1.
        clusters: Which samples belong together, (N,) integers.
    """
    number, share = len(values), float(values.double().mean())
    members = _numbered(clusters)
    sizes = members.bincount().double()
    sums = torch.zeros_like(sizes).index_add(0, members, values.double())
    factor = float(sizes.square().sum()) / number
    binomial = share * (1 - share) * number
    if binomial > 0 and len(sizes) > 1:
        clustered = float((sums - sizes * share).square().sum()) * len(sizes) / (len(sizes) - 1)
        factor = max(factor, clustered / binomial)
    return Count(share * number / factor, number / factor)


def share(values: Tensor, clusters: Tensor, confidence: float = 0.95) -> Interval:
    """The mean of values in [0, 1] with its interval; arguments as of `effective`."""
    return effective(values, clusters).interval(confidence)


def melded(
    positive: Count,
    false_low: Count,
    false_high: Count,
    found: Count,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of the share behind an imperfect test.

    Args:
        positive: Samples that test positive.
        false_low: Negatives that test positive, as the upper end of the interval takes them.
        false_high: The same, as the lower end takes them: more than `false_low` where it is not known which of them are
            negatives.
        found: Positives of the kind that is missed most and that test positive. The upper end takes this kind for all
            positives, the lower end takes it that none is missed.
        confidence: Of the interval.
        seed: Seed of the draws.
    """
    source = generator("subset", seed, 14)
    grid = (np.arange(_DRAWS) + 0.5) / _DRAWS
    u, v, w = (grid[torch.randperm(_DRAWS, generator=source).numpy()] for _ in range(3))
    lows = behind(positive.lower(u), false_high.upper(v), np.ones_like(w))
    highs = behind(positive.upper(u), false_low.lower(v), found.lower(w))
    tail = (1 - confidence) / 2
    return float(np.quantile(lows, tail)), float(np.quantile(highs, 1 - tail))


def behind(positive: Vector, false: Vector, found: Vector) -> Vector:
    """g(p, f, s) = (p - f) / (s - f), between 0 and 1: 0 where p < f, 1 where p > s."""
    gap = np.maximum(found - false, 1e-12)
    return np.where(positive <= false, 0.0, np.clip((positive - false) / gap, 0, 1))


def bootstrap(
    statistic: Callable[[Tensor], float], clusters: Tensor, confidence: float = 0.95, draws: int = 300, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval.

    Args:
        statistic: A number of the samples in the rows that it is given, of any number and order; draws that it gives
            nan for are left out.
        clusters: Which samples are drawn together, (N,) integers.
        confidence: Of the interval.
        draws: How often clusters are drawn.
        seed: Seed of the draws.
    """
    source = generator("subset", seed, 15)
    members = _numbered(clusters).numpy()
    groups = np.split(members.argsort(kind="stable"), np.bincount(members).cumsum()[:-1])
    picks = torch.randint(len(groups), (draws, len(groups)), generator=source)
    drawn = (np.concatenate([groups[i] for i in pick]) for pick in picks.tolist())
    values = np.array([statistic(torch.from_numpy(rows)) for rows in drawn])
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return float(low), float(high)


def _numbered(clusters: Tensor) -> Tensor:
    """Clusters numbered from 0 without gaps, (N,)."""
    return torch.from_numpy(np.unique(clusters.numpy(), return_inverse=True)[1])
