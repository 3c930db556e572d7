r"""Noise that was clipped at the limits of its file, and what its variance was before.

A pixel of clean value mu with noise of standard deviation sigma, stored between the limits l and u, is

    Y = min(max(mu + sigma Z, l), u).

With a = (l - mu) / sigma, b = (u - mu) / sigma, the normal density phi and distribution Phi,

    E[Y]   = l Phi(a) + u Phi(-b) + mu (Phi(b) - Phi(a)) + sigma (phi(a) - phi(b))
    E[Y^2] = l^2 Phi(a) + u^2 Phi(-b) + (mu^2 + sigma^2)(Phi(b) - Phi(a))
             + sigma ((mu + l) phi(a) - (mu + u) phi(b)),

so the variance of stored pixels is smaller than sigma^2 near a limit (at it, by a factor of 1/2 - 1/(2 pi) = 0.34), and
their mean is pulled inwards (see Foi, "Clipped noisy images", Signal Processing 89, 2009). How near a pixel is to a
limit is not known, but the share of saturated pixels is: with x spread in any way between the limits, the pair (mean
share, mean variance) lies in the convex hull of the curve that mu traces between the limits. That hull is thin, so the
share tells what the variance was, within bounds that assume nothing of the image but that its clean values lie between
the limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

_LEAST_SHARE = 1e-3
"""Share of pixels that have to lie exactly at the smallest or largest value for it to count as a limit."""
_MOST_SATURATED = 0.5
"""Of clean values between the limits, noise takes at most half of the pixels to one of them."""


@dataclass(frozen=True)
class Limits:
    """Where images are clipped.

    Attributes:
        low: Smallest value that can be stored; None where nothing was clipped below.
        high: Largest value; None where nothing was clipped above.
        low_share: Share of pixels at `low`.
        high_share: Share of pixels at `high`.
    """

    low: float | None
    high: float | None
    low_share: float
    high_share: float

    @property
    def clipped(self) -> bool:
        """Whether there is a limit at all."""
        return self.low is not None or self.high is not None

    def saturated(self, images: Tensor) -> Tensor:
        """Which pixels lie at a limit, bool of the same shape."""
        at = torch.zeros_like(images, dtype=torch.bool)
        if self.low is not None:
            at |= images <= self.low
        if self.high is not None:
            at |= images >= self.high
        return at


def find_limits(images: Tensor) -> Limits:
    """The limits at which images were clipped: their extreme values, where many pixels have exactly those.

    Args:
        images: Of any shape.
    """
    smallest, largest = images.min().item(), images.max().item()
    below = (images == smallest).double().mean().item()
    above = (images == largest).double().mean().item()
    return Limits(smallest if below >= _LEAST_SHARE else None, largest if above >= _LEAST_SHARE else None, below, above)


def clipped_moments(mu: Tensor, sigma: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Mean and variance of min(max(mu + sigma Z, low), high).

    Args:
        mu: Clean values, float64, of any shape.
        sigma: Standard deviations above 0, of a shape that broadcasts with it.
        low: Lower limit; -inf for none.
        high: Upper limit; inf for none.

    Returns:
        Both of the broadcast shape.
    """
    a, b = (low - mu) / sigma, (high - mu) / sigma
    below, above = torch.special.ndtr(a), torch.special.ndtr(-b)
    inside = 1 - below - above
    phi_a, phi_b = _phi(a), _phi(b)
    # of y - mu, so that nothing large cancels
    first = sigma * (phi_a - phi_b) + _times(low - mu, below) + _times(high - mu, above)
    second = sigma**2 * (inside + _times(a, phi_a) - _times(b, phi_b))
    second = second + _times((low - mu) ** 2, below) + _times((high - mu) ** 2, above)
    return mu + first, (second - first**2).clamp_min(0)


def unclipped_bounds(variance: Tensor, saturated: Tensor, limits: Limits) -> tuple[Tensor, Tensor]:
    """Bounds of sigma^2 before clipping, from the variance and the share of saturated pixels of what was stored.

    Args:
        variance: Mean variance of the stored noise in each of some groups of pixels, (G,).
        saturated: Share of each group's pixels that lie at a limit, (G,).
        limits: Where they were clipped.

    Returns:
        The least and the largest sigma^2, (G,) each, infinite where no sigma leaves so much. Both equal the variance
        where nothing was clipped.
    """
    if not limits.clipped:
        return variance, variance
    low = -math.inf if limits.low is None else limits.low
    high = math.inf if limits.high is None else limits.high
    sigmas, least, most = _envelopes(low, high)
    return _solve(variance, saturated, sigmas, most), _solve(variance, saturated, sigmas, least)


def _solve(variance: Tensor, saturated: Tensor, sigmas: Tensor, table: Tensor) -> Tensor:
    """The sigma^2 at which a table (S, K) of stored variances, growing with sigma, holds each variance."""
    place = saturated.double().clamp(0, _MOST_SATURATED) / _MOST_SATURATED * (table.shape[1] - 1)
    left = place.floor().long().clamp(0, table.shape[1] - 2)
    part = place - left
    stored = table[:, left] * (1 - part) + table[:, left + 1] * part  # (S, G)
    after = (stored < variance).sum(0).clamp(1, len(sigmas) - 1)
    x, x_next = stored.gather(0, after[None] - 1)[0], stored.gather(0, after[None])[0]
    step = ((variance - x) / (x_next - x).clamp_min(1e-300)).clamp(0, 1)
    squares = sigmas**2
    found = squares[after - 1] + step * (squares[after] - squares[after - 1])
    return torch.where(variance > stored[-1], math.inf, found)


@cache
def _envelopes(low: float, high: float) -> tuple[Tensor, Tensor, Tensor]:
    """sigma, (S,), and the least and largest variance that clipping leaves at even saturated shares, (S, K)."""
    sigmas = torch.cat([torch.zeros(1), torch.logspace(-3, 0.3, 140)]).double()
    shares = torch.linspace(0, _MOST_SATURATED, 65, dtype=torch.float64)
    least, most = [torch.zeros_like(shares)], [torch.zeros_like(shares)]
    for sigma in sigmas[1:]:
        share, variance = _curve(sigma, low, high)
        # chords between any two points of the curve, at every share between theirs
        part = (shares[:, None, None] - share[:, None]) / (share - share[:, None]).clamp_min(1e-12)
        chord = variance[:, None] + part * (variance - variance[:, None])
        reaches = (part >= 0) & (part <= 1) & (share > share[:, None])
        inside = reaches.any((1, 2))
        lower = torch.where(reaches, chord, math.inf).amin((1, 2))
        upper = torch.where(reaches, chord, -math.inf).amax((1, 2))
        ends = torch.where(shares < share[0], variance[0], variance[-1])  # beyond the curve: its nearer end
        least.append(torch.where(inside, lower, ends))
        most.append(torch.where(inside, upper, ends))
    return sigmas, torch.stack(least), torch.stack(most)


def _curve(sigma: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Share of saturated pixels, growing, and the variance left, for clean values from far inside to the limit."""
    middle = (low + high) / 2 if math.isfinite(low + high) else math.inf
    limit, inwards = (low, 1.0) if math.isfinite(low) else (high, -1.0)
    far = min(5 * sigma.item(), abs(middle - limit))
    mu = limit + inwards * torch.linspace(far, 0, 33, dtype=torch.float64)
    share = torch.special.ndtr((low - mu) / sigma) + torch.special.ndtr((mu - high) / sigma)
    return share, clipped_moments(mu, sigma, low, high)[1]


def _phi(z: Tensor) -> Tensor:
    return torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _times(limit: Tensor, weight: Tensor) -> Tensor:
    """Their product; 0 where the weight is, also for an infinite limit."""
    return torch.where(weight > 0, limit * weight, 0.0)
