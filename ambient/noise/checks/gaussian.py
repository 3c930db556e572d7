r"""Is the noise Gaussian?

Each block of 2x2 pixels has the diagonal Haar coefficient e = (a - b - c + d) / 2, which sees nearly no detail in quiet
places. For independent noise of excess kurtosis k in each pixel, e has excess kurtosis k / 4. Quiet places are chosen
by the coefficients of the eight blocks around, which share no pixel with the block: independent noise of any kind is
not changed by that choice. Coefficients are measured in units of their standard deviation among blocks of equal
brightness, or in the same image, so that noise whose variance differs there is not taken for one with heavy tails.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ambient.noise.checks.base import Check

_QUIET = 0.3
_RANGES = 16
_MOST_EXCESS = 0.35
"""Largest excess kurtosis of a pixel's noise that passes for Gaussian (Laplace has 3, uniform -1.2)."""
_MOST_DETAIL = 0.1
"""Largest relative excess of the coefficients' variance over the noise's, above which detail could be what is seen."""
_LEAST = 500


def gaussianity(images: Tensor, saturated: Tensor, variance: Tensor, *, by_image: bool) -> Check:
    """Check whether noise is Gaussian.

    Args:
        images: (N, C, H, W).
        saturated: Which pixels lie at a limit, of the same shape; blocks near them are left out.
        variance: sigma^2 of the noise of each image, (N,); images where it is 0 are left out.
        by_image: Whether coefficients are measured against their image's others, else against those of equal
            brightness.
    """
    blocks = _Blocks(images.double())
    quiet = blocks.quiet(saturated) & (variance > 0)[:, None, None, None]
    if int(quiet.sum()) < _LEAST:
        return Check(None, "whether it is Gaussian cannot be told: too few quiet places away from the limits")
    shape = blocks.diagonal.shape
    image = torch.arange(shape[0])[:, None, None, None].expand(shape)[quiet]
    level = blocks.level.expand(shape)[quiet]
    values = blocks.diagonal[quiet]
    detail = (values.square().mean() / variance[image].mean()).item() - 1
    groups = image if by_image else level.argsort().argsort() * _RANGES // len(level)
    counts = torch.bincount(groups).double()
    scale = torch.bincount(groups, values.square()) / counts.clamp_min(1)
    usable = (counts[groups] >= 8) & (scale[groups] > 0)
    n = counts[groups][usable]
    fourth = (values[usable] ** 4 / scale[groups][usable] ** 2 * (n + 2) / n).mean().item()
    excess = 4 * (fourth - 3)
    error = 4 * (24 / max(int(usable.sum()), 1)) ** 0.5
    figures = {"excess kurtosis": excess, "standard error": error, "detail": detail}
    if abs(detail) > _MOST_DETAIL:
        return Check(None, "whether it is Gaussian cannot be told: detail is in the quiet places too", figures)
    if abs(excess) > _MOST_EXCESS + 3 * error:
        kind = "heavier" if excess > 0 else "lighter"
        return Check(False, f"not Gaussian: {kind} tails, excess kurtosis about {excess:.1f}", figures)
    return Check(True, f"Gaussian, as far as seen: excess kurtosis {excess:+.2f} ± {error:.2f}", figures)


class _Blocks:
    """Haar coefficients of the 2x2 blocks of images: `diagonal` (N, C, h, w), `level` (N, 1, h, w)."""

    def __init__(self, images: Tensor) -> None:
        a, b = images[..., 0::2, 0::2], images[..., 0::2, 1::2]
        c, d = images[..., 1::2, 0::2], images[..., 1::2, 1::2]
        h, w = c.shape[-2], b.shape[-1]
        a, b, c, d = (part[..., :h, :w] for part in (a, b, c, d))
        self.diagonal = (a - b - c + d) / 2
        across, down = (a - b + c - d) / 2, (a + b - c - d) / 2
        self.level = ((a + b + c + d) / 4).mean(1, keepdim=True)
        self.energy = (self.diagonal**2 + across**2 + down**2).mean(1, keepdim=True)

    def quiet(self, saturated: Tensor) -> Tensor:
        """Which coefficients lie in each image's quietest blocks, away from saturated pixels: (N, C, h, w) bool."""
        ring = torch.ones(1, 1, 3, 3, dtype=torch.float64)
        ring[..., 1, 1] = 0
        around = torch.nn.functional.conv2d(self.energy, ring)  # blocks at the border have no full ring
        away = torch.nn.functional.max_pool2d(saturated.double().amax(1, keepdim=True), 2)
        away = torch.nn.functional.max_pool2d(away, 3, 1)[..., : around.shape[-2], : around.shape[-1]] == 0
        around = torch.where(away, around, torch.inf)
        few = max(1, round(_QUIET * around[0].numel()))
        bound = around.flatten(1).kthvalue(few, dim=1).values[:, None, None, None]
        inside = (around <= bound) & torch.isfinite(around)
        quiet = torch.zeros_like(self.energy, dtype=torch.bool)
        quiet[..., 1 : 1 + inside.shape[-2], 1 : 1 + inside.shape[-1]] = inside
        return quiet.expand_as(self.diagonal)
