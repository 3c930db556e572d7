r"""Posterior samples X_0 ~ p(. | X_n = x_n) of a model, by a few large reverse steps from the observed sample.

One ancestral step from t to s with x_0 = h(x_t, t) has the right mean and too little variance: by A^2 Cov[X_0 | X_t],
which after six steps down to sigma_n / 16 still leaves a third of the posterior's standard deviation out. The
second-order multistep rule repairs it at no cost. It evaluates the step not at h_k but at the linear extrapolation of
the last two in log sigma to the middle of the step (SDE-DPM-Solver++ 2M, Lu et al. 2022),

    x_0 = h_k + (h_k - h_{k-1}) lambda_{k+1 / k} / 2,    lambda = ratio of the two steps' lengths in log(sigma / alpha).

Since h is a martingale along the exact reverse process (P1 eq. 3.5), h_k - h_{k-1} has mean zero given the past: the
extrapolation adds no bias to the mean, and adds the variance that the single step left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from ambient import kernels
from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.kernels import Kernel
from ambient.process import Level, per_sample
from ambient.randomness import Draws


class NormalDraws(Protocol):
    """A source of noise."""

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal noise of the shape, dtype and device of `like`."""


def geometric_levels(start: Level, end: Level, steps: int) -> list[Level]:
    """steps + 1 levels from `start` to `end`, (B,) each, log(sigma / alpha) evenly spaced, with the alpha of `start`.

    All but the last, which is `end` itself, keep alpha, so `end` may belong to another process.
    """
    factor = end.ratio / start.ratio
    between = [Level(start.alpha, start.sigma * factor ** (k / steps)) for k in range(1, steps)]
    return [start, *between, end]


def descend(
    denoiser: Denoiser,
    x: Tensor,
    h: Tensor,
    levels: Sequence[Level],
    kernel: Kernel,
    draws: NormalDraws,
    order: Literal[1, 2] = 1,
    condition: Mapping[str, Any] | None = None,
) -> Tensor:
    """Reverse steps through `levels`.

    Args:
        denoiser: Drives every step after the first.
        x: Samples at levels[0], (B, *).
        h: E[X_0 | x] there, (B, *): the denoiser is not asked again.
        levels: From noisy to clean, (B,) each.
        kernel: One reverse step.
        draws: Source of the noise.
        order: 1, or 2 for the multistep rule of the module.
        condition: Keyword arguments of the denoiser.

    Returns:
        Samples at levels[-1], (B, *); differentiable if gradients are enabled.
    """
    x_0 = h
    for k in range(len(levels) - 1):
        x = kernel(x_0, x, levels[k], levels[k + 1]).sample(draws.normal(x))
        if k + 2 < len(levels):
            h_before, h = h, denoiser(x, levels[k + 1], **(condition or {}))
            x_0 = h if order == 1 else _extrapolated(h_before, h, levels[k : k + 3])
    return x


@dataclass(frozen=True)
class PosteriorRollout:
    """Posterior samples by reverse steps from the level of the data, ending with the posterior mean at the last level.

    Attributes:
        steps: Number of reverse steps, >= 1.
        depth: Ratio of the last level's noise-to-signal ratio to that of the data, in (0, 1).
        order: 1 or 2, as in `descend`.
        kernel: One reverse step.
    """

    steps: int = 6
    depth: float = 1 / 16
    order: Literal[1, 2] = 2
    kernel: Kernel = kernels.ancestral

    @torch.no_grad()
    def __call__(self, denoiser: Denoiser, batch: Batch, h: Tensor | None, draws: Draws) -> Tensor:
        """Samples of X_0 given the samples of `batch`, (B, *), without gradient.

        Args:
            denoiser: The model.
            batch: The observed samples x_n.
            h: h(x_n, t_n), (B, *); None: not known yet.
            draws: Source of the noise.
        """
        start = batch.nature.on(batch.x)
        if h is None:
            h = denoiser(batch.x, start, **batch.condition)
        end = Level(start.alpha, start.sigma * self.depth)
        levels = geometric_levels(start, end, self.steps)
        x = descend(denoiser, batch.x, h, levels, self.kernel, draws, self.order, batch.condition)
        return denoiser(x, end, **batch.condition)


def _extrapolated(h_before: Tensor, h: Tensor, levels: Sequence[Level]) -> Tensor:
    before, here, after = (level.ratio.log() for level in levels)
    return h + per_sample((after - here) / (here - before) / 2, h) * (h - h_before)
