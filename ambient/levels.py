r"""Which noise levels a network is trained on: distributions of t that can be cut at a nature level.

All that are random are drawn through their quantile function, so a draw restricted to levels above or below a given one
is exact, with no rejection: t = F^-1(F(low) + u (F(high) - F(low))), u ~ U(0, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from ambient.process import VE, Level, Process
from ambient.schedules import Discrete


class LevelDistribution(Protocol):
    """A distribution of training levels."""

    def draw(self, u: Tensor, above: Level | None = None, below: Level | None = None) -> Level:
        """Levels for uniform numbers u, (B,), restricted to the noisier than `above` and cleaner than `below`."""


@dataclass(frozen=True)
class LogNormal:
    """EDM's levels: ln sigma ~ N(mean, std^2) in VE coordinates.

    Attributes:
        mean: P_mean, -1.2 in EDM.
        std: P_std, 1.2 in EDM, > 0.
    """

    mean: float = -1.2
    std: float = 1.2

    def draw(self, u: Tensor, above: Level | None = None, below: Level | None = None) -> Level:
        """VE levels (B,), float64; see `LevelDistribution`."""
        low, high = _interval(VE(), above, below, u)
        p_low, p_high = self._cdf(low), self._cdf(high)
        p = (p_low + u * (p_high - p_low)).clamp(1e-300, 1 - 1e-16)
        sigma = (self.mean + self.std * torch.special.ndtri(p)).exp()
        return VE().level(sigma.clamp(low, high))

    def _cdf(self, sigma: Tensor) -> Tensor:
        p: Tensor = torch.special.ndtr((sigma.log() - self.mean) / self.std)
        return p


@dataclass(frozen=True)
class Added:
    """One level for each sample: that of the data with `ratio` times its noise added once more.

    Attributes:
        ratio: Standard deviation of the added noise over that of the data, > 0.
    """

    ratio: float = 1.0

    def draw(self, u: Tensor, above: Level | None = None, below: Level | None = None) -> Level:
        """Levels (B,) of the alpha of `above` and sigma = (1 + ratio^2)^(1/2) times its own; u decides nothing.

        Raises:
            ValueError: Without noisy data to add to, or if the level is noisier than `below`.
        """
        if above is None or not bool((above.sigma > 0).all()):
            raise ValueError("noise is added to that of noisy data: there is none; use LogNormal or UniformTime")
        level = Level(above.alpha, above.sigma * math.hypot(1, self.ratio)).expand(len(u))
        if below is not None and bool((level.ratio > below.ratio).any()):
            raise ValueError(f"adding {self.ratio:g} times the data's noise exceeds the last level asked for")
        return level


@dataclass(frozen=True)
class UniformTime:
    """t ~ U(t_min, t_max) in the time of a process: P1 and P2 as printed.

    Attributes:
        process: Gives the levels their times.
        t_max: T, the last time.
        t_min: The first time.
    """

    process: Process = field(default_factory=VE)
    t_max: float = 1.0
    t_min: float = 0.0

    def draw(self, u: Tensor, above: Level | None = None, below: Level | None = None) -> Level:
        """Levels (B,) of the process; see `LevelDistribution`.

        Raises:
            ValueError: If no time in [t_min, t_max] lies above or below the given level.
        """
        low, high = _interval(self.process, above, below, u)
        low, high = low.clamp(min=self.t_min), high.clamp(max=self.t_max)
        if bool((low > high).any()):
            raise ValueError(
                f"no time is left to draw from: the given level leaves [{float(low.max()):g}, {float(high.min()):g}] "
                f"of [{self.t_min:g}, {self.t_max:g}]; raise t_max, or lower the nature level"
            )
        return self.process.level(low + u * (high - low))


@dataclass(frozen=True)
class UniformSteps:
    """t uniform over the steps of a trained model, each as likely as the other (P1's SDXL experiments).

    Attributes:
        process: The steps.
    """

    process: Discrete

    def draw(self, u: Tensor, above: Level | None = None, below: Level | None = None) -> Level:
        """Levels (B,) of whole steps, strictly above and below the given ones; see `LevelDistribution`.

        Raises:
            ValueError: If no step is left.
        """
        last = len(self.process) - 1
        low, high = torch.zeros_like(u), torch.full_like(u, last)
        if above is not None:
            inside = above.ratio.to(u) >= self.process.level(0.0).ratio.to(u)
            low = torch.where(inside, (self.process.time(above).to(u) + _SAME_STEP).floor() + 1, low)
        if below is not None:
            inside = below.ratio.to(u) <= self.process.level(float(last)).ratio.to(u)
            high = torch.where(inside, (self.process.time(below).to(u) - _SAME_STEP).ceil() - 1, high)
        if bool((low > high).any()):
            raise ValueError(f"no step is left to draw from above {float(low.max()) - 1:g} of 0 to {last}")
        return self.process.level((low + (u * (high - low + 1)).floor()).clamp(max=high))


_SAME_STEP = 1e-6
"""A time this near to a whole step is that step."""


def _interval(process: Process, above: Level | None, below: Level | None, u: Tensor) -> tuple[Tensor, Tensor]:
    low = torch.zeros_like(u) if above is None else process.time(above).to(u)
    high = torch.full_like(u, math.inf) if below is None else process.time(below).to(u)
    return low, high
