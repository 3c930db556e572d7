"""What P1's figures of attacks share: tables of similarities, and their shares above a threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from ambient.metrics.dominance import superiority, violation
from ambient.metrics.similarity import P1_THRESHOLDS, summarise
from paper_repro.makers.attacked import Attacked
from paper_repro.report.claims import Test, above, below
from paper_repro.report.estimates import over_either
from paper_repro.report.pictures import Panels, histograms
from paper_repro.report.tables import Table, spread

CLOSE = 0.95
"""P1, section 4.1: above this an image is almost identical to one of the training set."""
HEAD = ("similarity of", "images", "mean", "95 %", *(f"S > {c:g}" for c in P1_THRESHOLDS))
_NEAREST_IMAGE = "similarity to the nearest image"


def table(title: str, sets: Mapping[str, Sequence[Tensor]]) -> Table:
    """Mean, 95 % quantile and shares above P1's thresholds, over splits.

    Args:
        title: Of the table.
        sets: Row name -> the similarities (N,) of each split.
    """
    return Table(title, HEAD, tuple(_row(name, values) for name, values in sets.items()))


def table_of(attacked: Attacked, title: str) -> Table:
    """Everything that an attack found: similarities to the nearest image, then to each image's own."""
    named = attacked.named()
    rows = {f"{name}: nearest": [similarities.nearest] for name, similarities in named.items()}
    rows |= {f"{name}: own": [similarities.own] for name, similarities in named.items()}
    return table(f"{title}; on {attacked.features} features; {attacked.note}", rows)


def histogram(title: str, lines: Mapping[str, Tensor], caption: str, label: str = _NEAREST_IMAGE) -> dict[str, Panels]:
    """The picture of P1's histograms, by its file name."""
    return {"histogram.png": histograms(title, lines, label, caption)}


def share_above(threshold: float) -> Callable[[Tensor], float]:
    """The share of similarities (N,) above a threshold."""
    return lambda values: float((values > threshold).double().mean())


def excess(a: Tensor, b: Tensor) -> float:
    """Share of a above `CLOSE`, less that of b."""
    return share_above(CLOSE)(a) - share_above(CLOSE)(b)


def dominance_over_splits(a: Sequence[Tensor], b: Sequence[Tensor], *, paired: bool) -> tuple[Test, ...]:
    """Whether similarities A lie above B, split by split.

    Args:
        a: Of each split, (N,).
        b: Of each split, (M,).
        paired: Whether a_i and b_i belong to the same image.
    """
    pairs = list(zip(a, b, strict=True))
    return (
        above("P(A > B) above 1/2", over_either(superiority, pairs, paired=paired), 0.5),
        below("violation of stochastic dominance below 0.05", over_either(violation, pairs, paired=paired), 0.05),
    )


def _row(name: str, sets: Sequence[Tensor]) -> tuple[str, ...]:
    found = [summarise(values, P1_THRESHOLDS) for values in sets]
    shares = [[summary.shares[c] for summary in found] for c in P1_THRESHOLDS]
    figures = [[summary.mean for summary in found], [summary.quantile_95 for summary in found], *shares]
    return (name, str(sum(map(len, sets))), *(spread(column) for column in figures))
