r"""Noise levels and the processes that order them.

Every diffusion in this project is a family of levels

    X_t = alpha_t X_0 + sigma_t Z,    Z ~ N(0, I) independent of X_0,

and processes differ in their levels only: variance exploding (alpha = 1), variance preserving
(alpha^2 + sigma^2 = 1), flow matching (alpha + sigma = 1), or the thousand steps of a diffusers scheduler.

Of two levels s and t with SNR_t <= SNR_s, the noisier one is reached from the cleaner one by

    X_t = rho X_s + sqrt(v) Z',    rho = alpha_t / alpha_s,    v = sigma_t^2 - rho^2 sigma_s^2 >= 0,

with fresh Z' (P1 eq. 3.4 and A.25; the "i.i.d." noises of P1 Lemmas A.2 and A.4 have to be read this way).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


def per_sample(value: Tensor, x: Tensor) -> Tensor:
    """Shape `value`, () or (B,), so that it multiplies `x`, (B, *), sample by sample, in x's dtype and device."""
    value = value.to(dtype=x.dtype, device=x.device)
    return value if value.ndim == 0 else value.reshape(-1, *[1] * (x.ndim - 1))


@dataclass(frozen=True, eq=False)
class Level:
    """One noise level (alpha, sigma), or one for each sample of a batch.

    Attributes:
        alpha: Scale of the signal, >= 0, shape () or (B,). Python numbers become float64 scalars.
        sigma: Standard deviation of the noise, >= 0, shape () or (B,).
    """

    alpha: Tensor
    sigma: Tensor

    def __post_init__(self) -> None:
        sigma = as_tensor(self.sigma)
        alpha = as_tensor(self.alpha).to(sigma.device)
        alpha, sigma = torch.broadcast_tensors(alpha, sigma)
        if sigma.ndim > 1:
            raise ValueError(f"a level is one number or one for each sample, not of shape {tuple(sigma.shape)}")
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "sigma", sigma)

    @classmethod
    def clean(cls) -> Level:
        """The level of clean data, (1, 0)."""
        return cls(torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64))

    @property
    def ratio(self) -> Tensor:
        """Noise-to-signal ratio sigma / alpha: the sigma of Karras et al. (2022). Infinite for pure noise."""
        return self.sigma / self.alpha

    @property
    def snr(self) -> Tensor:
        """Signal-to-noise ratio alpha^2 / sigma^2: 0 for pure noise, infinite for clean data."""
        return (self.alpha / self.sigma) ** 2

    def perturb(self, x_0: Tensor, noise: Tensor) -> Tensor:
        """X_t = alpha X_0 + sigma Z for `x_0` and standard normal `noise`, both (B, *)."""
        return per_sample(self.alpha, x_0) * x_0 + per_sample(self.sigma, x_0) * noise

    def transition_to(self, level: Level) -> Transition:
        """The transition from this level to a noisier one.

        Raises:
            ValueError: If the target has the higher signal-to-noise ratio, for any sample.
        """
        return transition(self, level)

    def expand(self, batch: int) -> Level:
        """The same level, one for each of `batch` samples: tensors of shape (batch,)."""
        return Level(self.alpha.expand(batch), self.sigma.expand(batch))

    def on(self, x: Tensor) -> Level:
        """The same level on the device of `x`, one for each of its samples."""
        return Level(self.alpha.to(x.device), self.sigma.to(x.device)).expand(x.shape[0])

    def __getitem__(self, samples: Any) -> Level:
        """The levels of some samples; a level shared by all stays as it is."""
        return self if self.sigma.ndim == 0 else Level(self.alpha[samples], self.sigma[samples])


def where(condition: Tensor, a: Level, b: Level) -> Level:
    """Level `a` for the samples where `condition`, (B,), holds and `b` for the others."""
    return Level(torch.where(condition, a.alpha, b.alpha), torch.where(condition, a.sigma, b.sigma))


def as_level(level: Level | Tensor | float) -> Level:
    """`level` itself, or the variance-exploding level of a bare sigma (k-diffusion's calling convention)."""
    if isinstance(level, Level):
        return level
    sigma = as_tensor(level)
    return Level(torch.ones_like(sigma), sigma)


@dataclass(frozen=True, eq=False)
class Transition:
    """How a noisier level is reached from a cleaner one: X_t = scale X_s + sqrt(variance) Z'.

    Attributes:
        scale: rho = alpha_t / alpha_s, shape () or (B,).
        variance: v = sigma_t^2 - rho^2 sigma_s^2, >= 0.
    """

    scale: Tensor
    variance: Tensor

    @property
    def std(self) -> Tensor:
        """Standard deviation of the added noise, sqrt(v)."""
        return self.variance.sqrt()

    def perturb(self, x_s: Tensor, noise: Tensor) -> Tensor:
        """X_t for samples `x_s` of the cleaner level and fresh standard normal `noise`, both (B, *)."""
        return per_sample(self.scale, x_s) * x_s + per_sample(self.std, x_s) * noise


def transition(source: Level, target: Level) -> Transition:
    """The transition between two levels (P1 A.24, for any process).

    The variance is formed as (sigma_t - rho sigma_s)(sigma_t + rho sigma_s), which loses no digits as t -> s.

    Raises:
        ValueError: If the target has the higher signal-to-noise ratio, or the source has no signal left.
    """
    if bool((source.alpha <= 0).any()):
        raise ValueError("no transition leaves a level without signal (alpha = 0)")
    scale = target.alpha / source.alpha
    carried = scale * source.sigma
    variance = (target.sigma - carried) * (target.sigma + carried)
    if bool((variance < 0).any()):
        worst = int(variance.argmin())
        a, s = (x.expand(variance.shape).reshape(-1)[worst].item() for x in (target.alpha, target.sigma))
        a_s, s_s = (x.expand(variance.shape).reshape(-1)[worst].item() for x in (source.alpha, source.sigma))
        raise ValueError(
            f"the target level (alpha {a:.6g}, sigma {s:.6g}) is cleaner than the source level (alpha {a_s:.6g}, "
            f"sigma {s_s:.6g}); a transition needs SNR_target <= SNR_source: swap the levels, or sample t above t_n"
        )
    return Transition(scale, variance)


class Process(Protocol):
    """A family of levels in order of noise."""

    def level(self, t: Tensor | float) -> Level:
        """The level at time `t`, () or (B,)."""

    def time(self, level: Level) -> Tensor:
        """The time at which the process has the signal-to-noise ratio of `level`."""


@dataclass(frozen=True)
class VE:
    """Variance exploding: X_t = X_0 + t Z; time is sigma, t >= 0 (P1 section 2; EDM)."""

    def level(self, t: Tensor | float) -> Level:
        t = as_tensor(t)
        if bool(((t < 0) | ~t.isfinite()).any()):
            raise ValueError(
                "VE is defined for finite times >= 0 (pure noise, alpha = 0, has none), "
                f"got {t.reshape(-1).tolist()[:4]}"
            )
        return Level(torch.ones_like(t), t)

    def time(self, level: Level) -> Tensor:
        return level.ratio


@dataclass(frozen=True)
class VP:
    """Variance preserving: X_t = sqrt(1 - t^2) X_0 + t Z; time is sigma, 0 <= t <= 1 (P1 A.18, P2 eq. 1)."""

    def level(self, t: Tensor | float) -> Level:
        t = in_range(as_tensor(t), 0.0, 1.0, "VP")
        return Level(((1 - t) * (1 + t)).sqrt(), t)

    def time(self, level: Level) -> Tensor:
        return level.sigma / torch.hypot(level.alpha, level.sigma)


@dataclass(frozen=True)
class Flow:
    """Flow matching on straight paths: X_t = (1 - t) X_0 + t Z, 0 <= t <= 1."""

    def level(self, t: Tensor | float) -> Level:
        t = in_range(as_tensor(t), 0.0, 1.0, "flow matching")
        return Level(1 - t, t)

    def time(self, level: Level) -> Tensor:
        return level.sigma / (level.alpha + level.sigma)


def renormalise(process: Process, x_t: Tensor, level: Level) -> tuple[Tensor, Level]:
    """Rescale samples of any process to `process` at the same signal-to-noise ratio.

    X_t of two processes at one signal-to-noise ratio differ by a factor only, so one denoiser serves both.

    Returns:
        The rescaled samples, (B, *), and their level in `process`.
    """
    family = getattr(process, "family", process)  # the steps of a trained model are levels of a continuous process
    own = family.level(family.time(level))
    factor = torch.hypot(own.alpha, own.sigma) / torch.hypot(level.alpha, level.sigma)
    return per_sample(factor, x_t) * x_t, own


def as_tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else value.to(torch.float64)
    return torch.as_tensor(value, dtype=torch.float64)


def in_range(t: Tensor, low: float, high: float, name: str) -> Tensor:
    if bool(((t < low) | (t > high) | t.isnan()).any()):
        raise ValueError(f"{name} is defined for times in [{low:g}, {high:g}], got {t.reshape(-1).tolist()[:4]}")
    return t
