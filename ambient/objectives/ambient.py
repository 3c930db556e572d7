"""Ambient score matching: E[X_0 | X_t] above the nature level from noisy data alone (P1 3.1, A.5; P2 eq. 6)."""

from __future__ import annotations

from dataclasses import dataclass

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.levels import Added, LevelDistribution, LogNormal
from ambient.objectives.base import Loss, Objective
from ambient.objectives.matching import matching_loss
from ambient.objectives.weights import EDMWeight, PlainWeight, Weight
from ambient.randomness import Draws


@dataclass(frozen=True)
class AmbientScoreMatching(Objective):
    """E w |A h(x_t, t) + B x_t - x_n|^2 / d over levels noisier than the data; its minimiser there is E[X_0 | X_t].

    J - min J = E w A^2 |h - E[X_0|X_t]|^2 / d, so nothing is learnt at t = t_n itself, where A = 0.

    Attributes:
        levels: Distribution of t, cut at the nature level of each sample.
        weight: w(t, n).
    """

    levels: LevelDistribution = LogNormal()
    weight: Weight = EDMWeight()

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample."""
        level = self.levels.draw(draws.uniform(batch.x), above=batch.nature)
        return matching_loss(denoiser, batch, level, self.weight, draws, "ambient")

    def data_term(self) -> AmbientScoreMatching:
        """Itself: its minimiser is E[X_0 | X_t], whatever the model."""
        return self


def noisier2noise(ratio: float = 1.0) -> AmbientScoreMatching:
    """Ambient score matching at one level (Noisier2Noise, Moran et al. 2020).

    They add noise of `ratio` sigma_n to x_n, regress f on x_n, and correct: x_0 = ((1 + ratio^2) f - x_t) / ratio^2.
    That is the double-Tweedie map at that level, and here the network predicts the corrected x_0 itself.

    Args:
        ratio: Their alpha, > 0.
    """
    return AmbientScoreMatching(Added(ratio), PlainWeight())
