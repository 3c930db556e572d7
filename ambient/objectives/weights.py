r"""Weights w(t, n) of the residual | A h + B x_t - x_n |^2.

They turn the one residual into the losses of the papers: plain (P1 Theorem 3.1, P2 Algorithm 1), EDM's unit-variance
weight (P2's experiments), and P1's epsilon-space loss. The last compares the fresh noise Z of X_t = rho X_n + sqrt(v) Z
with its prediction (x_t - rho E[X_n|x_t]) / sqrt(v), so it is rho^2 / v times the plain one: 0/0 at t = t_n, where
the residual vanishes identically and the weight is set to 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient import tweedie
from ambient.process import Level, where

Weight = Callable[[Level, Level], Tensor]
"""A weight (level t, nature n) -> () or (B,)."""


@dataclass(frozen=True)
class PlainWeight:
    """w = 1."""

    def __call__(self, level: Level, nature: Level) -> Tensor:
        return torch.ones_like(level.sigma)


@dataclass(frozen=True)
class EDMWeight:
    """w = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 = 1 / c_out^2, sigma = sigma_t / alpha_t (Karras et al.).

    Attributes:
        sigma_data: Standard deviation of the clean data.
    """

    sigma_data: float = 0.5

    def __call__(self, level: Level, nature: Level) -> Tensor:
        return 1 / level.ratio**2 + 1 / self.sigma_data**2


@dataclass(frozen=True)
class EpsilonWeight:
    """w = rho^2 / v: the error of the predicted fresh noise (P1's SDXL loss); 0 at t = t_n."""

    def __call__(self, level: Level, nature: Level) -> Tensor:
        step = nature.transition_to(level)
        return torch.where(step.variance > 0, step.scale**2 / step.variance, torch.zeros_like(step.variance))


@dataclass(frozen=True)
class NatureWeight:
    """`base` times the A^2 that ambient score matching at `nature` would put on the error of h.

    A control: denoising score matching on clean data with the weights of Algorithm 1 but none of its missing
    information. Below `nature` it is `base`.

    Attributes:
        nature: The level whose ambient weight is taken.
        base: The weight it multiplies.
    """

    nature: Level
    base: Weight

    def __call__(self, level: Level, nature: Level) -> Tensor:
        own = self.nature.on(level.sigma)
        above = level.ratio > own.ratio
        a, _ = tweedie.nature_coefficients(own, where(above, level, own))
        return torch.where(above, a**2, torch.ones_like(a)) * self.base(level, nature)
