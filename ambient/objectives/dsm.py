"""Denoising score matching on clean data (P1 section 2.1, P2 eq. 3): the DDPM objective."""

from __future__ import annotations

from dataclasses import dataclass

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.levels import LevelDistribution, LogNormal
from ambient.objectives.base import Loss, Objective
from ambient.objectives.matching import matching_loss
from ambient.objectives.weights import EDMWeight, Weight
from ambient.randomness import Draws


@dataclass(frozen=True)
class DenoisingScoreMatching(Objective):
    """E w |h(x_t, t) - x_0|^2 / d; its minimiser is E[X_0 | X_t].

    Attributes:
        levels: Distribution of t.
        weight: w(t).
    """

    levels: LevelDistribution = LogNormal()
    weight: Weight = EDMWeight()

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample.

        Raises:
            ValueError: If the samples are noisy: on those this would learn E[X_n | X_t] and call it E[X_0 | X_t].
        """
        if bool((batch.nature.sigma > 0).any()):
            raise ValueError("denoising score matching needs clean samples; use AmbientScoreMatching on noisy ones")
        level = self.levels.draw(draws.uniform(batch.x))
        return matching_loss(denoiser, batch, level, self.weight, draws, "dsm")
