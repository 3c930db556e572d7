r"""Whether one distribution of similarities lies above another, and how sure that is.

P1 (Figure 8) calls a model that memorises more one whose similarities are "more shifted to the right". In numbers, for
samples a of A and b of B with quantile functions q_A and q_B:

    superiority       P(A > B) + P(A = B) / 2: 1/2 if neither is above, 1 if every a is above every b; the statistic of
                      Mann and Whitney, and the area under the ROC curve of a test that tells A from B by similarity
    difference        E A - E B
    violation         of "A dominates B", that is q_A >= q_B everywhere (del Barrio, Cuesta-Albertos and Matran 2018):
                      int (q_B - q_A)_+^2 / int (q_A - q_B)^2, in [0, 1]; 0 if A dominates B, 1 if B dominates A, near
                      1/2 if the curves cross

Intervals are percentiles of the bootstrap, which draws images with replacement. Where both samples come from the same
images in the same order they are drawn in pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.randomness import generator


@dataclass(frozen=True)
class Interval:
    """An estimate with its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Dominance:
    """How far A lies above B; see the module."""

    superiority: Interval
    difference: Interval
    violation: Interval


def superiority(a: Tensor, b: Tensor) -> float:
    """P(A > B) + P(A = B) / 2 for samples (N,) and (M,)."""
    ordered = b.sort().values
    below = torch.searchsorted(ordered, a.contiguous(), right=False)
    through = torch.searchsorted(ordered, a.contiguous(), right=True)
    return float((below + through).double().mean() / (2 * len(b)))


def violation(a: Tensor, b: Tensor) -> float:
    """int (q_B - q_A)_+^2 / int (q_A - q_B)^2; 1/2 for two equal samples, for which it is not defined."""
    cuts = torch.cat([torch.arange(1, len(x) + 1, dtype=torch.float64) / len(x) for x in (a, b)])
    cuts = torch.unique(cuts)
    widths = torch.diff(cuts, prepend=cuts.new_zeros(1))
    middle = cuts - widths / 2
    q_a, q_b = (x.sort().values[(middle * len(x)).long().clamp(max=len(x) - 1)] for x in (a, b))
    squares = widths * (q_b - q_a).square()
    total = float(squares.sum())
    return float(squares[q_b > q_a].sum()) / total if total > 0 else 0.5


def dominance(
    a: Tensor, b: Tensor, *, paired: bool, draws: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Dominance:
    """Compare the similarities of two models, or of two sets of images.

    Args:
        a: Similarities, (N,).
        b: Similarities, (M,).
        paired: Whether a_i and b_i belong to the same image; then N = M.
        draws: Bootstrap samples.
        confidence: Of the intervals, in (0, 1).
        seed: Of the bootstrap.

    Raises:
        ValueError: If a sample has fewer than two values or one that is not finite, or pairs are of unequal number.
    """
    a, b = a.double(), b.double()
    for values in (a, b):
        if len(values) < 2 or not bool(values.isfinite().all()):
            raise ValueError(f"a comparison needs at least two finite similarities on each side, got {len(values)}")
    if paired and len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} similarities are no pairs; compare them unpaired")
    source = generator("attack", seed)
    resampled = []
    for _ in range(draws):
        rows = torch.randint(len(a), (len(a),), generator=source)
        others = rows if paired else torch.randint(len(b), (len(b),), generator=source)
        resampled.append((a[rows], b[others]))
    tail = (1 - confidence) / 2

    def interval(measure: Callable[[Tensor, Tensor], float]) -> Interval:
        values = torch.tensor([measure(x, y) for x, y in resampled], dtype=torch.float64)
        low, high = values.quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
        return Interval(measure(a, b), low, high)

    return Dominance(interval(superiority), interval(lambda x, y: float(x.mean() - y.mean())), interval(violation))
