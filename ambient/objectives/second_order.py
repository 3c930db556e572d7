r"""Denoising score matching below t_n on Gaussian posteriors, by Tweedie's formula of the second order.

At the level of the data the denoiser gives the first two moments of the posterior,

    E[X_0 | x_n] = h(x_n),    Cov[X_0 | x_n] = (sigma_n^2 / alpha_n) J(x_n),    J = dh/dx

(Efron 2011; Meng et al. 2021). So, without a reverse process,

    x_0 = h(x_n) + sigma_n (J / alpha_n)^(1/2) z,  E w(t) |h(alpha_t x_0 + sigma_t Z, t) - x_0|^2 / d,  SNR_t > SNR_n.

The law of X_0 is then right up to the third moment of the posterior; it is exact where the posterior is Gaussian and
wrong where it has several modes. The square root needs the whole Jacobian: this is for few dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.jacobian import jacobian
from ambient.levels import LevelDistribution, LogNormal
from ambient.objectives.base import Loss, Objective
from ambient.objectives.matching import matching_loss
from ambient.objectives.weights import EDMWeight, Weight
from ambient.process import Level, per_sample
from ambient.randomness import Draws


@dataclass(frozen=True)
class SecondOrderTweedie(Objective):
    """Denoising score matching below t_n on x_0 ~ N(h(x_n), (sigma_n^2 / alpha_n) J(x_n)).

    Attributes:
        levels: Distribution of t, cut below t_n.
        weight: w(t).
        reuse: Levels at which each x_0 serves, >= 1.
        largest: Eigenvalues of alpha_n J are clipped to [0, largest]. Between two modes they exceed 1; to clip them
            there, as suits one Gaussian, would take variance away.
    """

    levels: LevelDistribution = LogNormal()
    weight: Weight = EDMWeight()
    reuse: int = 4
    largest: float = 4.0

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample, (B,); `reuse` neighbours share an observed sample.

        Raises:
            ValueError: If the batch is not a multiple of `reuse`, or the samples are not flat, (B, d).
        """
        if len(batch) % self.reuse:
            raise ValueError(f"a batch of {len(batch)} is not a multiple of reuse = {self.reuse}: change one of them")
        rows = torch.arange(len(batch)) // self.reuse
        x_0 = self._posterior(denoiser, batch[:: self.reuse], draws)[rows]
        filled = replace(batch[rows * self.reuse], x=x_0, nature=Level.clean(), clean=None)
        level = self.levels.draw(draws.uniform(x_0), below=batch.nature)
        return matching_loss(denoiser, filled, level, self.weight, draws, "second order")

    def learns_from_itself(self) -> bool:
        """Always: the posterior is the model's own."""
        return True

    @torch.no_grad()
    def _posterior(self, denoiser: Denoiser, observed: Batch, draws: Draws) -> Tensor:
        nature = observed.nature.on(observed.x)
        h, slope = jacobian(denoiser, observed.x, nature, observed.condition)
        eigenvalues, vectors = torch.linalg.eigh((slope + slope.mT) / 2)
        scaled = (per_sample(nature.alpha, eigenvalues) * eigenvalues).clamp(0, self.largest)
        root = vectors * scaled.sqrt()[:, None, :] @ vectors.mT
        return h + per_sample(nature.ratio, h) * torch.einsum("bij,bj->bi", root, draws.normal(h))
