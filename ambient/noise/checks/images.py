r"""Have all images the same level?

Cochran's Q: with v_i the estimate of sigma_i^2 of image i, relative to what is expected of it, and s_i its error,

    Q = sum_i (v_i - mean)^2 / s_i^2

is chi-squared with N - 1 degrees of freedom if all levels are equal, and what it has too much is their own spread tau
(DerSimonian and Laird, Controlled Clinical Trials 7, 1986). The error holds what statistics leave open, the same for
all images, and half of what detail leaves open in each. The images differ if Q says so and tau is more than a tenth of
the variance, 5 % of sigma.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ambient.noise.bounds import FEWEST, Groups
from ambient.noise.checks.base import Check

_LEAST_SPREAD = 0.1
_LEVEL = 1e-4


def equality(groups: Groups, expected: Tensor, known: bool, patches: float) -> Check:
    """Check whether all images have the same level.

    Args:
        groups: What the patches of each image say.
        expected: sigma^2 that is expected of each, (N,): one for all, or as its brightness has it.
        known: Whether the set's level is known.
        patches: Patches of each image, overlap taken off.
    """
    if patches < FEWEST:
        return Check(None, "whether images differ cannot be told: they are too small")
    usable = torch.isfinite(groups.middle) & torch.isfinite(groups.upper) & (expected > 0)
    count = int(usable.sum())
    if count < 2:
        why = "there is one image" if len(groups) == 1 else "detail is as strong as noise"
        return Check(None, f"whether images differ cannot be told: {why}")
    scale = expected[usable]
    middle, error = groups.middle[usable] / scale, groups.upper_error[usable] / scale
    detail = (groups.upper - groups.lower)[usable] / scale / 2
    common = error.square().mean()
    weights = 1 / (common + detail.square())
    mean = (weights * middle).sum() / weights.sum()
    q = (weights * (middle - mean) ** 2).sum()
    tau2 = ((q - (count - 1)) / (weights.sum() - weights.square().sum() / weights.sum())).clamp_min(0)
    spread = (tau2.sqrt() / mean.clamp_min(1e-12)).item()
    half = torch.tensor((count - 1) / 2, dtype=torch.float64)
    chance = torch.special.gammaincc(half, q / 2).item()
    sigma = groups.middle[usable].clamp_min(0).sqrt()
    low, high = (torch.quantile(sigma, share).item() for share in (0.05, 0.95))
    figures = {"Q": q.item(), "p": chance, "spread": spread / 2, "5 %": low, "95 %": high}
    if chance < _LEVEL and spread > _LEAST_SPREAD:
        words = f"images differ: nine of ten lie between {low:.3f} and {high:.3f}"
        return Check(False, words, figures)
    if not known:
        return Check(None, "whether images differ cannot be told: detail is as strong as noise", figures)
    return Check(True, f"one level fits all images, within {max(spread / 2, 0.01):.0%}", figures)
