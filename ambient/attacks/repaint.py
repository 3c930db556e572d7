r"""Inpainting with any denoiser: Lugmayr et al. (2022, RePaint).

Go down the levels; at each, replace what is known by its noisy version and draw the hidden part by the reverse kernel;
noise the result again and repeat. Each repetition is a sweep of a Gibbs sampler of (X_s, X_t) given the noisy known
part. One sweep alone is far off, since the hidden part was drawn before the known part was put in; many are still
biased by the step of the reverse kernel, and do not change between modes that are far apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ambient import kernels
from ambient.denoisers import Denoiser
from ambient.process import Level
from ambient.randomness import IndexedNoise


@dataclass(frozen=True, eq=False)
class RePaint:
    """Any denoiser as an `Inpainter` (Lugmayr et al. 2022); see the module.

    Attributes:
        denoiser: h, called in variance-exploding coordinates.
        sigmas: Decreasing levels that end at 0, (steps + 1,), as for `ambient.sampling.generation.generate`.
        seed: Seed of the attack; the noise of an image is a function of it and the image's index.
        repeats: Sweeps at each level, >= 1; more are less biased, at that many evaluations a level.
        condition: Keyword arguments of the denoiser.

    Raises:
        ValueError: If the levels do not decrease to 0, or `repeats` is below 1.
    """

    denoiser: Denoiser
    sigmas: Tensor
    seed: int = 0
    repeats: int = 10
    condition: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise ValueError(f"repeats must be at least 1, got {self.repeats}")
        if not bool((self.sigmas.diff() < 0).all()) or float(self.sigmas[-1]) != 0:
            raise ValueError("the levels of a restoration must decrease and end at 0")

    @torch.no_grad()
    def __call__(self, known: Tensor, hidden: Tensor, indices: Sequence[int]) -> Tensor:
        noise = IndexedNoise(self.seed, indices, tuple(known.shape[1:]), known.dtype, known.device, "attack")
        x = float(self.sigmas[0]) * noise()
        for sigma, sigma_next in pairwise(self.sigmas):
            level, target = (Level(torch.ones_like(s), s).on(x) for s in (sigma, sigma_next))
            for repeat in range(self.repeats):
                if repeat:
                    x = target.transition_to(level).perturb(x, noise())
                h = self.denoiser(x, level, **self.condition)
                drawn = kernels.ancestral(h, x, level, target).sample(noise())
                x = torch.where(hidden, drawn, target.perturb(known, noise()))
        return x
