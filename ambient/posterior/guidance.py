r"""Denoisers of samples that were measured: E[X_0 | X_t = x_t, y] for y = A x_0 + sigma_y N.

A correction turns h(x_t, t) = E[X_0 | X_t] into a denoiser that knows y as well, so every sampler runs on it unchanged
(ours, k-diffusion's, a diffusers scheduler). With r = y - A h, J = dh/dx_t and V = (sigma_t^2 / alpha_t) J, which is
Cov[X_0 | X_t] by Tweedie's formula of the second order,

    MMPS       h + V A^H (sigma_y^2 I + A V A^H)^{-1} r          (Rozet et al. 2024: moment matching)
    PiGDM      h + V A^H (sigma_y^2 I + r_t^2 A A^H)^{-1} r      (Song et al. 2023)
    Proximal   h + r_t^2 A^H (sigma_y^2 I + r_t^2 A A^H)^{-1} r  (Zhu et al. 2023, DiffPIR; projection at sigma_y = 0)
    DPS        an Euler step of the sampler, then - zeta d|r|/dx_t   (Chung et al. 2023)

with r_t^2 = s^2 sigma^2 / (s^2 + sigma^2) in variance-exploding coordinates and s the data's standard deviation.

MMPS is exact for Gaussian X_0, up to its conjugate gradients, and has nothing to tune. DPS has: its zeta depends on the
number of steps and on the operator. The norm |r| is each sample's own; the code of A-DPS takes one over the batch, so
its step depends on the batch size (`over_batch`, for comparison).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ambient.denoisers import Denoiser
from ambient.linear.operators import Operator, scaled
from ambient.linear.solving import conjugate_gradients, inner
from ambient.process import Level, as_level, per_sample


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured of some samples.

    Attributes:
        y: (B, *), in the form of A x_0.
        operator: A.
        sigma_y: Standard deviation of its noise, >= 0, one for all or (B,).
    """

    y: Tensor
    operator: Operator
    sigma_y: Tensor | float

    @property
    def variance(self) -> Tensor:
        """sigma_y^2."""
        return torch.as_tensor(self.sigma_y, dtype=torch.float64) ** 2

    def residual(self, x_0: Tensor) -> Tensor:
        """y - A x_0."""
        return self.y - self.operator(x_0)


class Correction(ABC):
    """From E[X_0 | X_t] to E[X_0 | X_t, y]."""

    @abstractmethod
    def __call__(self, h: Callable[[Tensor], Tensor], x_t: Tensor, level: Level, measured: Measurement) -> Tensor:
        """The corrected denoised samples, (B, *), for samples x_t, (B, *), at a level (B,)."""


@dataclass(frozen=True, eq=False)
class Guided:
    """A denoiser that knows measurements.

    Attributes:
        denoiser: h.
        measured: Of the samples that it will be called on, in their order.
        correction: How.
    """

    denoiser: Denoiser
    measured: Measurement
    correction: Correction

    def __call__(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """About E[X_0 | X_t = x_t, y], (B, *); without gradients of its own.

        Raises:
            ValueError: If there is not one measurement for each sample.
        """
        if len(x_t) != len(self.measured.y):
            raise ValueError(f"{len(x_t)} samples, but measurements of {len(self.measured.y)}")
        own = as_level(level).on(x_t)
        return self.correction(lambda x: self.denoiser(x, own, **condition), x_t, own, self.measured).detach()


@dataclass(frozen=True)
class MMPS(Correction):
    """Moment matching posterior sampling.

    Attributes:
        iterations: Of conjugate gradients, each with one vector-Jacobian product. They need a symmetric Jacobian, which
            that of an exact denoiser is and that of a network only about: one is as good as ten in exact worlds and
            safe with networks, where ten diverged.
        tolerance: Relative residual at which they end.
    """

    iterations: int = 1
    tolerance: float = 1e-6

    def __call__(self, h: Callable[[Tensor], Tensor], x_t: Tensor, level: Level, measured: Measurement) -> Tensor:
        operator = measured.operator
        x_0, covariance = _linearised(h, x_t, level)

        def matrix(v: Tensor) -> Tensor:
            return scaled(measured.variance, v) + operator(covariance(operator.adjoint(v)))

        r = measured.residual(x_0)
        z, _ = conjugate_gradients(matrix, r, tolerance=self.tolerance, iterations=self.iterations)
        return x_0 + covariance(operator.adjoint(z))


@dataclass(frozen=True)
class PiGDM(Correction):
    """Pseudo-inverse guidance: Cov[X_0 | X_t] is r_t^2 I within the inverse, and exact outside.

    Attributes:
        sigma_data: s, standard deviation of the clean data, > 0.
    """

    sigma_data: float

    def __call__(self, h: Callable[[Tensor], Tensor], x_t: Tensor, level: Level, measured: Measurement) -> Tensor:
        x_0, covariance = _linearised(h, x_t, level)
        r = measured.residual(x_0)
        z = measured.operator.solve(r, _prior_variance(level, self.sigma_data), measured.variance)
        return x_0 + covariance(measured.operator.adjoint(z))


@dataclass(frozen=True)
class Proximal(Correction):
    """The nearest samples to h that fit y, each at its own uncertainty: no derivative of the network.

    Attributes:
        sigma_data: s, standard deviation of the clean data, > 0.
    """

    sigma_data: float

    @torch.no_grad()
    def __call__(self, h: Callable[[Tensor], Tensor], x_t: Tensor, level: Level, measured: Measurement) -> Tensor:
        x_0, variance = h(x_t), _prior_variance(level, self.sigma_data)
        z = measured.operator.solve(measured.residual(x_0), variance, measured.variance)
        return x_0 + scaled(variance, measured.operator.adjoint(z))


@dataclass(frozen=True, eq=False)
class DPS(Correction):
    """Diffusion posterior sampling: each Euler step also goes down the gradient of |y - A h|.

    Written as a denoiser: x_0 is moved by - zeta g sigma / (sigma - sigma_next), which the Euler step to sigma_next
    turns into - zeta g. Ancestral steps go further down than sigma_next, and so a little further along g.

    Attributes:
        sigmas: The sampler's grid, decreasing, (steps + 1,), in variance-exploding coordinates.
        zeta: Step size, > 0, in units of x.
        over_batch: One norm over the batch, as in the code of A-DPS: samples then depend on what is beside them.
    """

    sigmas: Tensor
    zeta: float = 1.0
    over_batch: bool = False

    def __call__(self, h: Callable[[Tensor], Tensor], x_t: Tensor, level: Level, measured: Measurement) -> Tensor:
        """The moved posterior mean.

        Raises:
            ValueError: Unless alpha = 1, since the step is in the sampler's coordinates, and sigma is above the
                grid's last level.
        """
        if not bool((level.alpha == 1).all()):
            raise ValueError("DPS moves the steps of a sampler in variance-exploding coordinates: alpha must be 1")
        with torch.enable_grad():
            x = x_t.detach().requires_grad_()
            x_0 = h(x)
            r = measured.residual(x_0)
            squared = inner(r, r)
            norm = squared.sum().sqrt() if self.over_batch else squared.sqrt().sum()
            (gradient,) = torch.autograd.grad(norm, x)
        stretch = level.sigma / (level.sigma - self._next(level.sigma))
        return x_0.detach() - per_sample(self.zeta * stretch, x_t) * gradient

    def _next(self, sigma: Tensor) -> Tensor:
        """The grid's next lower level for each of `sigma`."""
        grid = self.sigmas.to(sigma)
        below = grid[None] < sigma[:, None] * (1 - 1e-6)
        if not bool(below.any(1).all()):
            raise ValueError(
                f"sigma {float(sigma.min()):g} is not above the last level of the grid, {float(grid[-1]):g}"
            )
        return torch.where(below, grid, -torch.inf).amax(1)


def _linearised(h: Callable[[Tensor], Tensor], x_t: Tensor, level: Level) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """h(x_t), and v -> (sigma^2 / alpha) J^T v, which is Cov[X_0 | X_t] v."""
    with torch.enable_grad():
        x = x_t.detach().requires_grad_()
        x_0 = h(x)
    factor = per_sample(level.sigma**2 / level.alpha, x_t)

    def covariance(v: Tensor) -> Tensor:
        return factor * torch.autograd.grad(x_0, x, v.to(x_0), retain_graph=True)[0]

    return x_0.detach(), covariance


def _prior_variance(level: Level, sigma_data: float) -> Tensor:
    """r_t^2: variance of X_0 given X_t, were X_0 ~ N(0, s^2 I)."""
    ratio = level.ratio**2
    return ratio * sigma_data**2 / (ratio + sigma_data**2)
