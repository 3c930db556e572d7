"""Noisy training images whose files clipped their noise, with its tails drawn anew (`ambient.noise.tails`).

What the clean values are is guessed in rounds: by the Wiener filter of the images' spectrum, both found anew in each.
Large images are filtered through overlapping tiles of the model's side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ambient.data import Crops, in_memory
from ambient.models.restoration import Tiled
from ambient.models.spectrum import SpectralDenoiser
from ambient.noise.clipping import Limits, find_limits
from ambient.noise.tails import ROUNDS, filled
from ambient.process import VE, Level, as_level
from ambient.randomness import generator

PIECES = 4096
"""Pieces of large images that a spectrum is found on."""
_BATCH = 256
NO_LIMITS = Limits(None, None, 0.0, 0.0)


def unclipped(
    images: Tensor | Sequence[Tensor], levels: Tensor, side: int, seed: int
) -> tuple[Tensor | Sequence[Tensor], Limits]:
    """The images with tails in the place of saturated pixels, and where their files clipped them.

    Args:
        images: (N, C, H, W), or (C, H, W) each.
        levels: Noise level of each, (N,); clean images stay as they are.
        side: Of the model's images.
        seed: Of the tails.
    """
    rows = (levels > 0).nonzero()[:, 0].tolist()
    limits = find_limits(torch.cat([images[i].flatten() for i in rows])) if rows else NO_LIMITS
    if not limits.clipped:
        return images, limits
    found = [image.float() for image in images]
    stored = {i: found[i] for i in rows}
    guesses = stored
    for left in range(ROUNDS, -1, -1):
        for i in rows:
            u = torch.rand(stored[i].shape, dtype=torch.float64, generator=generator("tails", seed, i))
            found[i] = filled(stored[i][None], levels[i : i + 1], limits, guesses[i][None], u[None])[0]
        if left:
            guesses = dict(zip(rows, _filtered([found[i] for i in rows], levels[rows], side, seed), strict=True))
    return (torch.stack(found) if isinstance(images, Tensor) else found), limits


def _filtered(images: list[Tensor], levels: Tensor, side: int, seed: int) -> list[Tensor]:
    """The images through the Wiener filter of their spectrum."""
    whole = all(image.shape[1:] == (side, side) for image in images)
    nature = VE().level(levels)
    if whole:
        x = torch.stack(images)
        centre = x.mean(0)
        known, sigma = x - centre, levels
    else:
        centre = torch.stack([image.mean((1, 2)) for image in images]).mean(0)[:, None, None].expand(-1, side, side)
        pieces = in_memory(Crops([image - centre[:, :1, :1] for image in images], nature, side, seed), PIECES)
        known, sigma = pieces.x, pieces.nature.sigma
    spectral = SpectralDenoiser(nn.Identity(), len(centre), side)
    spectral.learn(known, sigma)
    if whole:
        parts = zip(known.split(_BATCH), levels.split(_BATCH), strict=True)
        return list(centre + torch.cat([spectral.linear(part, own) for part, own in parts]))

    def filtered(x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        return centre + spectral.linear(x_t - centre, as_level(level).sigma)

    tiled = Tiled(filtered, side, side // 2)
    return [tiled(image[None], level[None])[0] for image, level in zip(images, levels, strict=True)]
