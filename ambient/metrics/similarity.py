"""How near samples come to the training set, in the terms of the papers' tables.

S_c is the share of samples whose largest cosine similarity to a training image lies above c. P2 tunes c for each data
set, so that the three thresholds mean potentially memorised, partly memorised, and an exact copy (section 5.1 and
Table 1). The thresholds hold for DINOv2 ViT-g/14 under the paper's own protocol, and mean nothing on other features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.metrics.features import check_finite
from ambient.metrics.memorization import share_above

P2_THRESHOLDS: dict[str, tuple[float, ...]] = {
    "cifar10": (0.9, 0.925, 0.95),
    "ffhq": (0.85, 0.875, 0.9),
    "tiny-imagenet": (0.9, 0.925, 0.95),
}
# P1, section 4.1: close matches, and almost identical images.
P1_THRESHOLDS = (0.9, 0.95)


@dataclass(frozen=True)
class SimilaritySummary:
    """Similarities to the training set, in numbers.

    Attributes:
        mean: Mean of the largest similarities ("Sim" in P2's Table 3).
        quantile_95: Their 95 % quantile ("95%" there).
        shares: S_c for each threshold c, in [0, 1].
    """

    mean: float
    quantile_95: float
    shares: dict[float, float]


def summarise(similarities: Tensor, thresholds: tuple[float, ...]) -> SimilaritySummary:
    """The summary of each sample's largest similarity, (N,), as from `ambient.metrics.memorization.similarities`.

    Raises:
        ValueError: If there are no samples, or a similarity is not finite.
    """
    if not len(similarities):
        raise ValueError("there are no samples to summarise the similarities of")
    check_finite(similarities[:, None], "similarities")
    values = similarities.double()
    shares = {threshold: share_above(values, threshold) for threshold in thresholds}
    return SimilaritySummary(float(values.mean()), float(torch.quantile(values, 0.95)), shares)
