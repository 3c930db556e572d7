r"""The share of samples that are copies of training images, estimated by a test whose errors are measured.

A sample tests positive if its ratio r (`ambient.audit.matching`) lies below a threshold t. Nothing about t is fixed:

1. *Known copies*, made of training images (`ambient.audit.probes`), give the share found s_j(t) of each kind j.
2. *Known originals* give the false alarms f(t): held-out images where there are any, else the training images, each
   against the others.
3. On one half of both, t maximises min_j s_j(t) - c f(t), c = `FALSE_ALARM_COST`. On the other half s_j and f are
   measured. A kind that no threshold can tell from originals, such as crops of 8x8 images, is left out and named.
4. The share of copies behind the share of positives has the melded interval of `ambient.audit.intervals`.

A training image that looks like a copy of another may be a coincidence, which samples can have too, or the same picture
collected twice, which says nothing about samples. So, without held-out images, exact duplicates are left out, and of
the other resemblances the lower end of the interval counts all as false alarms, the upper end none. For the threshold
and the estimate each training image is compared with the second of its nearest others, so that one twin does not count;
pictures collected three times and more do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ambient.audit.intervals import Count, Interval, behind, melded
from ambient.randomness import permutation

FALSE_ALARM_COST = 10.0
"""How many missed copies weigh as much as one false alarm, in shares: copies are rare where it matters."""
_HARDEST = 0.5
"""A kind of copies whose s - c f is nowhere above this is left out."""


@dataclass(frozen=True)
class Calibration:
    """The test for copies, and how often it errs.

    Attributes:
        threshold: t: what lies below is called a copy.
        false_low: False alarms as the upper end of the interval takes them, on the half that t was not chosen on.
        false: As the estimate takes them.
        false_high: As the lower end takes them.
        found: Copies of each kind that were found, on that half.
        left_out: Kinds of copies that cannot be told from originals on such images, and are not part of the estimate.
        originals: What the false alarms were measured on.
    """

    threshold: float
    false_low: Count
    false: Count
    false_high: Count
    found: dict[str, Count]
    left_out: tuple[str, ...]
    originals: str

    def copies(self, positive: Count, confidence: float = 0.95, seed: int = 0) -> Interval:
        """The share of copies among samples of which (effectively) so many test positive."""
        if not self.found:
            return Interval(0.0, 0.0, 1.0)
        weakest = min(self.found.values(), key=lambda kind: kind.share)
        typical = sum(kind.share for kind in self.found.values()) / len(self.found)
        low, high = melded(positive, self.false_low, self.false_high, weakest, confidence, seed)
        value = behind(*(np.asarray(x) for x in (positive.share, self.false.share, typical)))
        return Interval(min(max(float(value), low), high), low, high)


def calibrate(
    known: Mapping[str, Tensor], originals: Tensor, without_twins: Tensor | None = None, seed: int = 0
) -> Calibration:
    """Choose the threshold on one half, measure its errors on the other.

    Args:
        known: Ratios of known copies, (P,) for each kind.
        originals: Ratios of known originals, (M,).
        without_twins: For originals that are training images, their ratios as they are without the nearest, (M,); None
            for held-out images.
        seed: Which halves.
    """
    chosen, measured = _halves(originals if without_twins is None else without_twins, seed)
    halves = {kind: _halves(ratios, seed) for kind, ratios in known.items()}
    able = {kind: half[0] for kind, half in halves.items() if _best({kind: half[0]}, chosen)[0] >= _HARDEST}
    threshold = _best(able, chosen)[1] if able else 0.0
    unseen = without_twins is None
    false = Count.below(measured, threshold)
    return Calibration(
        threshold=threshold,
        false_low=false if unseen else Count(0, len(measured)),
        false=false,
        false_high=Count.below(_halves(originals, seed)[1], threshold),
        found={kind: Count.below(halves[kind][1], threshold) for kind in able},
        left_out=tuple(kind for kind in known if kind not in able),
        originals="held-out images" if unseen else "training images, each against the others",
    )


def _best(known: Mapping[str, Tensor], originals: Tensor) -> tuple[float, float]:
    """The maximum of min_j s_j - c f and the threshold where it lies, in the middle of the widest range of several."""
    values = torch.from_numpy(np.unique(torch.cat([*known.values(), originals, torch.tensor([0.0, 1.0])]).double()))
    edges = values + 1e-12
    found = torch.stack([_share_below(ratios, edges) for ratios in known.values()]).amin(0)
    gain = found - FALSE_ALARM_COST * _share_below(originals, edges)
    best = gain >= gain.max() - 1e-9
    widths = torch.where(best[:-1], values.diff(), -1.0)
    widest = int(widths.argmax())
    return float(gain.max()), float(values[widest : widest + 2].mean())


def _share_below(values: Tensor, edges: Tensor) -> Tensor:
    return torch.searchsorted(values.double().sort().values, edges).double() / len(values)


def _halves(values: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    order = permutation(len(values), "split", seed)
    return values[order[0::2]], values[order[1::2]]
