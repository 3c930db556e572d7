r"""The tails that clipping cut off: saturated pixels of noisy images, given back what they may have been.

A file of limits l and u holds Y = min(max(X, l), u) of X = mu + sigma Z. Given mu, a pixel that lies at l was

    X ~ N(mu, sigma^2) below l:    mu + sigma Phi^(-1)(U Phi(a)),    E X = mu - sigma phi(a) / Phi(a),

with a = (l - mu) / sigma, and in the same way at u. With these draws for pixels the images are noisy by N(0, sigma^2)
again, which is what every formula here is about; left as they are, black becomes brighter by .4 sigma. mu is not known:
it begins as the limit itself, and then is what the images restored so far say. Draws keep the noise's variance, for
training; means are the better guess of one image, for restoring it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ambient.noise.clipping import Limits

ROUNDS = 3
"""Times that the clean values are guessed anew; a fourth changes restorations by less than 1 % at sigma = .6."""
_FARTHEST = 30.0
"""Standard deviations; beyond it a tail's probability is no float64 any more."""


def filled(images: Tensor, sigma: Tensor, limits: Limits, mu: Tensor, u: Tensor | None = None) -> Tensor:
    """Clipped images with a value beyond the limit for every pixel that lies exactly at one.

    Args:
        images: As they are stored, (N, C, H, W).
        sigma: Noise level of each before clipping, (N,), > 0.
        limits: Where they were clipped.
        mu: What their clean values are taken to be, of the same shape; clamped to the limits.
        u: Uniform numbers that decide the draws, of the same shape; None takes means.

    Returns:
        Images of the same shape and dtype; an image with a value beyond a limit was not clipped, and stays as it is.
    """
    low = -math.inf if limits.low is None else limits.low
    high = math.inf if limits.high is None else limits.high
    inside = ((images >= low) & (images <= high)).flatten(1).all(1).reshape(-1, 1, 1, 1)
    noise = sigma.to(images.device, torch.float64).reshape(-1, 1, 1, 1)
    mu, x = mu.double().clamp(low, high), images.double()
    if limits.low is not None:
        x = torch.where((images == low) & inside, mu - noise * beyond((mu - low) / noise, u), x)
    if limits.high is not None:
        x = torch.where((images == high) & inside, mu + noise * beyond((high - mu) / noise, u), x)
    return x.to(images.dtype)


def with_tails(
    images: Tensor, sigma: Tensor, limits: Limits, restored: Callable[[Tensor], Tensor], u: Tensor | None = None
) -> Tensor:
    """Clipped images with their tails, about clean values that are guessed in `ROUNDS` rounds.

    Args:
        images: As they are stored, (N, C, H, W).
        sigma: Noise level of each before clipping, (N,), > 0.
        limits: Where they were clipped.
        restored: The images without noise, (N, C, H, W), as well as is known, from images with tails.
        u: As of `filled`.
    """
    if not bool(limits.saturated(images).any()):
        return images
    x = filled(images, sigma, limits, images, u)
    for _ in range(ROUNDS):
        x = filled(images, sigma, limits, restored(x), u)
    return x


def beyond(distance: Tensor, u: Tensor | None) -> Tensor:
    """Z given that Z > distance, for standard normal Z: its quantile u, or its mean where u is None.

    Args:
        distance: Of any shape, float64, >= 0.
        u: Uniform numbers of the same shape.
    """
    scaled = distance.clamp(max=_FARTHEST) / math.sqrt(2)
    if u is None:
        mean: Tensor = math.sqrt(2 / math.pi) / torch.special.erfcx(scaled)  # phi / Phi, neither need be formed
        return mean
    share = (u * 0.5 * torch.special.erfc(scaled)).clamp(min=torch.finfo(torch.float64).tiny)
    drawn: Tensor = -torch.special.ndtri(share)
    return drawn
