r"""Ambient score matching on antithetic pairs: the anchor at and just above the nature level.

Ambient score matching says nothing at t_n, where A = 0, and little near it: with X_t = X_n + e Z the noise of its
pseudo-target for h grows as sigma_n^2 sigma_t^2 / e^2. That noise is odd in Z. Averaged over the pair Z, -Z it cancels
to leading order, and the error of h near t_n can be weighted as elsewhere. In variance-exploding coordinates, A = a =
e^2 / sigma_t^2, the pair's mean residual divided by a^2 tends, for e -> 0, to

    |h - x_n|^2 + 2 sigma_n^2 Z . J Z + const,    J = dh/dx at x_n,

Stein's unbiased risk estimate with its divergence by Hutchinson's probe (`objectives.sure`): both are one loss
(J_ambient = A^2 SURE_t + const at every level), and the pair is its finite difference, exact at every e > 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ambient import tweedie
from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.levels import LevelDistribution, LogNormal
from ambient.objectives.base import Loss, Objective
from ambient.objectives.weights import Weight
from ambient.process import VE, Level
from ambient.randomness import Draws


@dataclass(frozen=True)
class AntitheticWeight:
    """w = 1 / (A^2 (c_out^2 + sigma_n^2)): the error of h is weighted by the inverse of a paired target's variance.

    Attributes:
        sigma_data: Standard deviation of the clean data, in c_out = sigma sigma_data / sqrt(sigma^2 + sigma_data^2).
    """

    sigma_data: float = 0.5

    def __call__(self, level: Level, nature: Level) -> torch.Tensor:
        a, _ = tweedie.nature_coefficients(nature, level)
        c_out_squared = 1 / (1 / level.ratio**2 + 1 / self.sigma_data**2)
        return 1 / (a**2 * (c_out_squared + nature.ratio**2))


@dataclass(frozen=True)
class AntitheticAmbient(Objective):
    """Ambient score matching on pairs x_n + e Z, x_n - e Z.

    Two evaluations a sample; to spend one, take it on every other sample (`objectives.Subsampled`).

    Attributes:
        added: Distribution of e / sigma_n, as variance-exploding levels. The default lies near 1:
            what is wrong at t_n is amplified below it.
        smallest: Least e / sigma_n, > 0. Small e is Stein's estimate, which a network can overfit: on a finite set it
            learns to bend h at the samples themselves, and only there. Choose it by this
            loss on held-out noisy samples.
        weight: w(t, n).
    """

    added: LevelDistribution = LogNormal(0.0, 1.2)
    smallest: float = 0.5
    weight: Weight = AntitheticWeight()

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The mean loss of each pair, (B,).

        Raises:
            ValueError: If the samples are not noisy.
        """
        nature = batch.nature.on(batch.x)
        if not bool((nature.sigma > 0).all()):
            raise ValueError("antithetic pairs are for noisy samples; use DenoisingScoreMatching on clean ones")
        added = self.added.draw(draws.uniform(batch.x), above=VE().level(self.smallest)).ratio
        level = Level(nature.alpha, nature.sigma * (1 + added**2).sqrt())
        noise, step = draws.normal(batch.x), nature.transition_to(level)
        pair = torch.cat([step.perturb(batch.x, noise), step.perturb(batch.x, -noise)])
        twice = torch.arange(2 * len(batch)) % len(batch)
        x_0_hat = denoiser(pair, level[twice], **batch[twice].condition)
        residual = tweedie.nature_mean(x_0_hat, pair, nature[twice], level[twice]) - batch.x[twice]
        mean = residual.square().flatten(1).mean(1).reshape(2, -1).mean(0)
        loss = self.weight(level, nature).to(mean) * mean
        return Loss(loss, {"antithetic": loss.detach()}, level)

    def data_term(self) -> AntitheticAmbient:
        """Itself: its minimiser is E[X_0 | X_t], whatever the model."""
        return self
