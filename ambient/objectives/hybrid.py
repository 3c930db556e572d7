"""P2's Algorithm 1: clean images below the nature level, one fixed noisy copy of each above it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.levels import LevelDistribution, LogNormal
from ambient.objectives.base import Loss, Objective
from ambient.objectives.matching import matching_loss
from ambient.objectives.weights import EDMWeight, Weight
from ambient.process import Level, where
from ambient.randomness import Draws


@dataclass(frozen=True)
class Hybrid(Objective):
    """Denoising score matching on X_0 for t <= t_n and ambient score matching on the fixed X_n for t > t_n.

    The clean sample is replaced by the noisy one before anything is computed above t_n, so no clean pixel can reach
    that branch.

    Attributes:
        levels: Distribution of t.
        weight: w(t, n), with n = 0 below t_n.
        split: "level" draws t first, and t decides which version is used, so each side of t_n has the weight that
            `levels` gives it (P2's EDM experiments). "sample" draws the version first, from S and S_tn with equal
            chances, as Algorithm 1 is printed: half of the batch on each side wherever t_n lies.
    """

    levels: LevelDistribution = LogNormal()
    weight: Weight = EDMWeight()
    split: Literal["level", "sample"] = "level"

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample.

        Raises:
            ValueError: If the batch holds no clean samples, or no noise was added to them.
        """
        if batch.clean is None or bool((batch.nature.sigma <= 0).any()):
            raise ValueError("the hybrid objective needs both versions: clean samples, and a noisy copy as batch.x")
        nature = batch.nature.on(batch.x)
        level, above = self._draw(batch, nature, draws)
        pixels = above.reshape(-1, *[1] * (batch.x.ndim - 1))
        seen = torch.where(pixels, batch.x, batch.clean)
        mixed = replace(batch, x=seen, nature=where(above, nature, Level.clean().on(batch.x)), clean=None)
        return matching_loss(denoiser, mixed, level, self.weight, draws, "hybrid")

    def _draw(self, batch: Batch, nature: Level, draws: Draws) -> tuple[Level, torch.Tensor]:
        u = draws.uniform(batch.x)
        if self.split == "level":
            level = self.levels.draw(u)
            return level, level.ratio > nature.ratio
        above = draws.uniform(batch.x) < 0.5
        noisy, clean = self.levels.draw(u, above=nature), self.levels.draw(u, below=nature)
        return where(above, noisy, clean), above
