r"""Learning from images with missing pixels: Ambient Diffusion (Daras et al. 2023), P2's baseline "masking".

Of image i the pixels A_i x_0 are known, with a fixed mask A_i that keeps each pixel with chance 1 - hidden. Training
hides more of them: with B keeping each with chance 1 - further, drawn anew, A~ = A B, and

    loss = | (w(t) A~ + w(inf) (A - A~))^1/2 (h(A~, A~ x_t, t) - x_0) |^2 / d,      A~ x_t = A~ (A x_0 + sigma_t Z),

whose minimiser is E[X_0 | A~ x_t, A~] wherever a pixel of A may be hidden by B (their Theorem 4.2). A pixel hidden by B
weighs as in pure noise: at low levels w(t) would be orders of magnitude above what can be known of it, and drown the
rest (theirs weighs all alike; the minimiser is the same). No pixel outside A is looked at. Sampling keeps one mask A~
for the whole of an image (their fixed-mask sampler): h, a `denoisers.MaskedDenoiser`, is never asked about whole
images, which it has not seen. Images must be about their mean, since a hidden pixel is a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.levels import LevelDistribution, LogNormal
from ambient.objectives.base import Loss, Objective
from ambient.objectives.weights import EDMWeight, Weight
from ambient.process import Level, per_sample
from ambient.randomness import Draws, IndexedNoise, Purpose


@dataclass(frozen=True)
class MaskedScoreMatching(Objective):
    """Ambient Diffusion's loss under further corruption; the denoiser is given `mask`, (B, 1, H, W).

    The batch holds A x_0 as `x` and A as `condition["mask"]`.

    Attributes:
        further: Chance that a known pixel is hidden too, in (0, 1).
        levels: Distribution of t.
        weight: w(t).
    """

    further: float = 0.1
    levels: LevelDistribution = LogNormal()
    weight: Weight = EDMWeight()

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample.

        Raises:
            ValueError: If the batch says nothing of its masks, or the samples are noisy.
        """
        if "mask" not in batch.condition or bool((batch.nature.sigma > 0).any()):
            raise ValueError("masked score matching needs clean samples and their masks, as condition['mask']")
        known = batch.condition["mask"]
        level = self.levels.draw(draws.uniform(batch.x))
        kept = keep(draws.normal(known), self.further)
        x_t = level.on(batch.x).perturb(batch.x, draws.normal(batch.x))
        shown = known * kept
        told = {name: value for name, value in batch.condition.items() if name != "mask"}
        x_0_hat = denoiser(shown * x_t, level, mask=shown, **told)
        clean, pure_noise = Level.clean(), Level(level.sigma * 0, level.sigma)
        near, far = (per_sample(self.weight(at, clean).to(batch.x), batch.x) for at in (level, pure_noise))
        weight = near * shown + far * (known - shown)
        loss = (weight * (x_0_hat - batch.x).square()).flatten(1).mean(1)
        return Loss(loss, {"masked": loss.detach()}, level)


def keep(normal: Tensor, hidden: float) -> Tensor:
    """Masks, 1 where a pixel is kept, from standard normal numbers: each is hidden with chance `hidden`."""
    threshold = torch.special.ndtri(torch.tensor(hidden, dtype=torch.float64))
    kept: Tensor = normal > threshold.to(normal)
    return kept.to(normal.dtype)


def fixed_masks(
    seed: int, indices: Sequence[int], shape: tuple[int, ...], hidden: float, purpose: Purpose = "nature"
) -> Tensor:
    """The masks of images, each a function of (seed, index), (len(indices), *shape).

    Args:
        seed: Seed.
        indices: Of the images.
        shape: Of one mask, (1, H, W): all colours of a pixel go together.
        hidden: Chance that a pixel is hidden, in (0, 1).
        purpose: "nature" for the training set, "sampling" for what is generated.
    """
    return keep(IndexedNoise(seed, [int(i) for i in indices], shape, purpose=purpose)(), hidden)
