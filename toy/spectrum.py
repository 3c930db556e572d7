r"""Where a model memorises: level by level, how near its denoiser is to copying and how near to generalising.

At each level X_t = x_0 + sigma Z is made of images that no model was trained on (or of the training images), and the
trained denoiser h compared with two others:

- h_S, the optimal denoiser of the training set (`theory.empirical`): what a network tends to that copies;
- h_R, a denoiser fitted to other images of the same kind: a network trained on them, or the optimal denoiser of a large
  set of them, which generalises only at the higher levels.

    copying       E |h - h_S|^2 / d,        generalising   E |h - h_R|^2 / d,
    share         E <h - h_R, h_S - h_R> / E |h_S - h_R|^2.

The share is 1 where the network is the copying one and 0 where it is the other: the coordinate of h on the line between
them. It puts a number on P2's Figure 3. P2's Algorithm 1 should lower it above t_n and leave it below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ambient.denoisers import Denoiser
from ambient.process import VE
from ambient.randomness import generator


@dataclass(frozen=True)
class Spectrum:
    """Squared distances per pixel, and the share, at each level; lists of the same length.

    Attributes:
        sigma: Levels.
        copying: Distance to the optimal denoiser of the training set.
        generalising: Distance to the denoiser of other images.
        share: Position between them; 1 copies.
        error: E |h - x_0|^2 / d.
    """

    sigma: list[float]
    copying: list[float]
    generalising: list[float]
    share: list[float]
    error: list[float]

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@torch.no_grad()
def spectrum(
    denoiser: Denoiser,
    copying: Denoiser,
    generalising: Denoiser,
    x_0: Tensor,
    sigmas: Sequence[float],
    *,
    seed: int = 0,
    draws: int = 1,
    device: torch.device | str = "cpu",
) -> Spectrum:
    """The memorisation spectrum of a denoiser.

    Args:
        denoiser: h.
        copying: h_S.
        generalising: h_R.
        x_0: Clean images to add noise to, (M, C, H, W).
        sigmas: Levels sigma_t / alpha_t, > 0.
        seed: Seed of the noise, which is the same at every level.
        draws: Noises for each image.
        device: Where the denoisers are.
    """
    x_0 = x_0.repeat(draws, *[1] * (x_0.ndim - 1))
    noise = torch.randn(x_0.shape, generator=generator("sampling", seed)).to(device)
    x_0 = x_0.to(device)
    found = Spectrum([], [], [], [], [])
    for sigma in sigmas:
        level = VE().level(sigma)
        x_t = level.perturb(x_0, noise)
        h, copy, general = (model(x_t, level) for model in (denoiser, copying, generalising))
        across = copy - general
        found.sigma.append(float(sigma))
        found.copying.append(float((h - copy).square().mean()))
        found.generalising.append(float((h - general).square().mean()))
        found.share.append(float(((h - general) * across).sum() / across.square().sum().clamp(min=1e-12)))
        found.error.append(float((h - x_0).square().mean()))
    return found
