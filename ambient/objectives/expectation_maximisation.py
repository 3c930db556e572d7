r"""Online expectation maximisation: denoising score matching below t_n on the model's own posterior samples.

E-step: x_0 ~ p_h(. | x_n) by a reverse rollout from the observed sample. M-step: one gradient step of

    E w(t) |h(alpha_t x_0 + sigma_t Z, t) - x_0|^2 / d,    SNR_t > SNR_n.

A fixed point that also agrees with ambient score matching at t_n has p_0 * N(0, sigma_n^2) = p_n, hence the right p_0
(Rozet et al. 2024, Bai et al. 2024, who alternate complete E- and M-steps). Every step draws x_0 anew from the observed
samples of its batch, so nothing is stored and a resumed run is the run itself; each x_0 serves at several levels t,
which pays for its rollout.

Plain EM is slow. For Gaussian data of variance s^2 the error of s^2 shrinks by 1 - g^2 an iteration, with the gain
g = s^2 / (s^2 + sigma_n^2). But one thing need not be iterated: the data have taught h(x_n, t_n), the mean of the
posterior. Several rollouts of the same x_n, re-centred at it,

    x_0^i <- h(x_n, t_n) + sqrt(m / (m - 1)) (x_0^i - mean_j x_0^j),    i = 1..m,

have that mean exactly and the covariance of the rollouts, and the factor becomes (1 - g)^2: with g = .14, .74
instead of .98. An exact denoiser is a fixed point of the first two moments either way; re-centring costs the rest of
the posterior's shape a little, since each sample is mixed with its group's mean, the less the larger m.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.levels import LevelDistribution, LogNormal
from ambient.objectives.base import Loss, Objective
from ambient.objectives.matching import matching_loss
from ambient.objectives.weights import EDMWeight, Weight
from ambient.posterior.rollout import PosteriorRollout
from ambient.process import Level
from ambient.randomness import Draws

PosteriorSampler = Callable[[Denoiser, Batch, Tensor | None, Draws], Tensor]
"""(denoiser, batch, h(x_n, t_n) if it is known, draws) -> samples of X_0 given x_n, (B, *)."""


@dataclass(frozen=True)
class OnlineEM(Objective):
    """Denoising score matching below t_n on posterior samples of the model.

    Attributes:
        rollout: Draws x_0 given x_n from the current model, without gradient.
        levels: Distribution of t, cut below t_n unless `everywhere`.
        weight: w(t).
        reuse: Levels at which each posterior sample serves, >= 1.
        group: m, posterior samples for each observed sample; from 2 on they are re-centred at h(x_n, t_n).
        everywhere: Whether the samples teach the levels above t_n too. The rollouts of a model must not, since only
            the data know these; samples that need no model (`ambient.posterior.particles`) may.
    """

    rollout: PosteriorSampler = PosteriorRollout()
    levels: LevelDistribution = LogNormal()
    weight: Weight = EDMWeight()
    reuse: int = 4
    group: int = 4
    everywhere: bool = False

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample, (B,): reuse * group neighbours share the observed sample of the first of them.

        Raises:
            ValueError: If the batch is not a multiple of reuse * group.
        """
        each = self.reuse * self.group
        if len(batch) % each:
            raise ValueError(f"a batch of {len(batch)} is not a multiple of reuse * group = {each}: change one of them")
        rows = torch.arange(len(batch))
        x_0 = self._posterior(denoiser, batch[::each], draws)[rows // self.reuse]
        filled = replace(batch[rows // each * each], x=x_0, nature=Level.clean(), clean=None)
        level = self.levels.draw(draws.uniform(x_0), below=None if self.everywhere else batch.nature)
        return matching_loss(denoiser, filled, level, self.weight, draws, "em")

    def learns_from_itself(self) -> bool:
        """Yes where the posterior samples are the model's own, which must not teach the levels above t_n."""
        return not self.everywhere

    @torch.no_grad()
    def _posterior(self, denoiser: Denoiser, observed: Batch, draws: Draws) -> Tensor:
        """`group` posterior samples of each observed sample, in a row."""
        if self.group == 1:
            return self.rollout(denoiser, observed, None, draws)
        h = denoiser(observed.x, observed.nature.on(observed.x), **observed.condition)
        copies = torch.arange(len(observed)).repeat_interleave(self.group)
        return recentred(self.rollout(denoiser, observed[copies], h[copies], draws), h)


def recentred(x_0: Tensor, mean: Tensor) -> Tensor:
    """Groups of samples moved to given means, their deviations scaled so that covariances stay unbiased.

    Args:
        x_0: Samples, (G m, *), the m of one group in a row, m >= 2.
        mean: The groups' means, (G, *).
    """
    groups = x_0.reshape(len(mean), -1, *x_0.shape[1:])
    m = groups.shape[1]
    deviation = math.sqrt(m / (m - 1)) * (groups - groups.mean(1, keepdim=True))
    return (mean[:, None] + deviation).reshape(x_0.shape)
