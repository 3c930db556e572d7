r"""Does the noise depend on the brightness, as photons' does?

Each range of brightness has bounds of sigma^2 of its own (`ambient.noise.bounds`). If the lower bound of one lies above
the upper bound of another, no one level fits both. Then a Poisson-Gaussian law is fitted,

    variance = gain (x + 1) + std^2      at the clean value x in [-1, 1],

by weighted least squares on the ranges: counts of mean (x + 1) / gain, seen with Gaussian noise of standard deviation
std (Foi, Trimeche, Katkovnik and Egiazarian, IEEE TIP 17, 2008). If black is not at -1, std^2 can come out negative.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ambient.noise.bounds import Groups
from ambient.noise.checks.base import Check

_DEVIATIONS = 3.5
_TOLERANCE = 1.08
"""Ratio of variances that the rule's own error may make."""


def constancy(groups: Groups) -> Check:
    """Check whether the noise is the same at all brightnesses; where it is not, with the Poisson-Gaussian fit."""
    if len(groups) < 2:
        return Check(None, "whether it depends on the brightness cannot be told: too few patches")
    lower, upper = groups.interval(_DEVIATIONS)
    if lower.max() <= _TOLERANCE * upper.min():
        return Check(True, "one level fits all brightnesses")
    gain, offset, explained = fit_poisson_gaussian(groups)
    ends = groups.middle.clamp_min(0).sqrt()
    darkest, brightest = ends[groups.mean.argmin()].item(), ends[groups.mean.argmax()].item()
    words = (
        f"depends on the brightness: {darkest:.3f} in the darkest eighth, {brightest:.3f} in the brightest; "
        f"variance = {gain:.4g} (x + 1) {offset:+.4g} explains {explained:.0%} of the difference"
    )
    return Check(False, words, {"gain": gain, "variance at black": offset, "explained": explained})


def fit_poisson_gaussian(groups: Groups) -> tuple[float, float, float]:
    """Gain, variance at black, and the share of the ranges' differences that they explain."""
    weights = groups.width**-2
    brightness = groups.mean + 1
    centre, level = _mean(brightness, weights), _mean(groups.middle, weights)
    spread = _mean((brightness - centre) ** 2, weights)
    gain = _mean((brightness - centre) * (groups.middle - level), weights) / spread.clamp_min(1e-12)
    offset = level - gain * centre
    left = _mean((groups.middle - gain * brightness - offset) ** 2, weights)
    explained = 1 - left / _mean((groups.middle - level) ** 2, weights).clamp_min(1e-30)
    return gain.item(), offset.item(), explained.item()


def expected(groups: Groups, brightness: Tensor) -> Tensor:
    """sigma^2 at given means of pixels, linearly between the ranges, of the shape of `brightness`."""
    order = groups.mean.argsort()
    x, y = groups.mean[order], groups.middle[order]
    right = torch.searchsorted(x, brightness.contiguous()).clamp(1, len(x) - 1)
    part = ((brightness - x[right - 1]) / (x[right] - x[right - 1]).clamp_min(1e-12)).clamp(0, 1)
    return y[right - 1] + part * (y[right] - y[right - 1])


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum()
