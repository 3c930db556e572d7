r"""Linear denoisers: what P1's objective determines under Gaussian data, as a small least-squares problem.

For X_0 ~ N(0, Sigma_0) the optimal denoiser of every level is linear,

    E[X_0 | X_t = x] = H_t x,    H_t = alpha_t Sigma_0 (alpha_t^2 Sigma_0 + sigma_t^2 I)^{-1},

and among linear denoisers, a free matrix H_j at each of finitely many levels, P1's objective (3.6, A.31) is a sum of
squares. Above the nature level n, with X_j = rho X_n + sqrt(v) Z, Sigma_n = Cov X_n and S_j S_j^T = Cov X_j,

    E |A H_j X_j + B X_j - X_n|^2  =  | (A H_j + B) S_j - rho Sigma_n S_j^{-T} |_F^2 + const,

and between neighbouring levels i < j, where one reverse step has the mean M_j(H_j) x,

    E |H_j X_j - H_i E[X_i | X_j]|^2  =  | (H_j - H_i M_j(H_j)) S_j |_F^2.

The first sees levels above n only: d^2 null directions for each of the others. The second vanishes for every

    H_t = (I + (sigma_t / alpha_t)^2 C)^{-1} / alpha_t,    any C,

that is, it takes any matrix for the inverse of Sigma_0. Together they leave the true denoisers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import least_squares
from torch import Tensor

from ambient import kernels, tweedie
from ambient.kernels import Kernel
from ambient.process import Level


def optimal(covariance: Tensor, level: Level) -> Tensor:
    """H_t, (d, d), or (L, d, d) for levels (L,), of X_0 ~ N(0, covariance); covariance (d, d), sigma_t > 0."""
    alpha, sigma = level.alpha[..., None, None], level.sigma[..., None, None]
    denoiser: Tensor = alpha * torch.linalg.solve(
        _noisy(covariance, alpha, sigma), covariance.expand(*alpha.shape[:-2], -1, -1)
    )
    return denoiser


def consistent(inverse: Tensor, level: Level) -> Tensor:
    """The consistent denoisers (I + (sigma / alpha)^2 C)^{-1} / alpha for any C = `inverse`, (d, d); alpha > 0."""
    eye = torch.eye(len(inverse), dtype=inverse.dtype)
    denoisers: Tensor = (
        torch.linalg.inv(eye + level.ratio[..., None, None] ** 2 * inverse) / level.alpha[..., None, None]
    )
    return denoisers


def implied_covariance(denoiser: Tensor, level: Level) -> Tensor:
    """The Sigma_0 whose optimal denoiser at `level`, (), is the matrix `denoiser`, (d, d): the inverse of `optimal`."""
    eye = torch.eye(len(denoiser), dtype=denoiser.dtype)
    covariance: Tensor = level.sigma**2 / level.alpha * torch.linalg.solve(eye - level.alpha * denoiser, denoiser)
    return covariance


@dataclass(frozen=True, eq=False)
class LinearProblem:
    """P1's objective over linear denoisers, which is given the covariance of the noisy data and nothing else.

    Attributes:
        levels: The levels of the free matrices, (L,), from the cleanest to the noisiest, sigma > 0.
        nature: Index of the nature level among them, 0 <= nature < L - 1.
        observed: Covariance of X_n, (d, d).
        kernel: One reverse step of p_h; only its mean matters here.
        ambient: Whether the ambient term is part of the objective.
        consistency: Whether the consistency term is.

    Raises:
        ValueError: If no level is noisier than the nature level, or there is no such level.
    """

    levels: Level
    nature: int
    observed: Tensor
    kernel: Kernel = kernels.ancestral
    ambient: bool = True
    consistency: bool = True

    def __post_init__(self) -> None:
        count = self.levels.sigma.numel()
        if not 0 <= self.nature < count - 1:
            raise ValueError(f"of {count} levels the nature level is one of 0..{count - 2}, got {self.nature}")

    @classmethod
    def of(cls, covariance: Tensor, levels: Level, nature: int, **options: Any) -> LinearProblem:
        """The problem of data X_0 ~ N(0, covariance), observed at level `nature`."""
        n = levels[nature]
        return cls(levels, nature, _noisy(covariance, n.alpha, n.sigma), **options)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the unknowns, (L, d, d)."""
        return len(self.levels.sigma), *self.observed.shape[:2]

    def residuals(self, denoisers: Tensor) -> Tensor:
        """The residuals whose sum of squares is the objective up to a constant, for matrices (L, d, d)."""
        parts = []
        for j in range(1, self.shape[0]):
            root = self._root(j)
            if self.ambient and j > self.nature:
                parts.append(self._ambient(denoisers[j], j, root))
            if self.consistency:
                parts.append((denoisers[j] - denoisers[j - 1] @ self._step(denoisers[j], j)) @ root)
        return torch.stack(parts).flatten()

    def minimise(self, start: Tensor | None = None) -> Tensor:
        """A minimiser of the objective, (L, d, d), by Levenberg-Marquardt.

        Args:
            start: Where to start, (L, d, d); by default the optimal denoisers of N(0, I).

        Raises:
            RuntimeError: If the iteration does not converge.
        """
        if start is None:
            start = optimal(torch.eye(self.shape[1], dtype=self.observed.dtype), self.levels)
        result = least_squares(
            lambda h: self.residuals(torch.from_numpy(h).reshape(self.shape)).numpy(),
            start.numpy().ravel(),
            jac=lambda h: self.jacobian(torch.from_numpy(h).reshape(self.shape)),
            method="lm",
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
        )
        if not result.success:
            raise RuntimeError(f"the linear problem has no minimiser within reach: {result.message}")
        return torch.from_numpy(result.x).reshape(self.shape)

    def jacobian(self, denoisers: Tensor) -> np.ndarray:
        """The derivative of the residuals, (residuals, L d^2), at matrices (L, d, d)."""
        derivative: np.ndarray = torch.func.jacrev(self.residuals)(denoisers).flatten(1).numpy()
        return derivative

    def singular_values(self, denoisers: Tensor) -> np.ndarray:
        """The L d^2 singular values of the Jacobian, decreasing; the zeros are what the objective does not see."""
        values = np.linalg.svd(self.jacobian(denoisers), compute_uv=False)
        return np.pad(values, (0, denoisers.numel() - len(values)))

    def null_directions(self, denoisers: Tensor, tolerance: float = 1e-12) -> int:
        """The number of directions at `denoisers` in which the objective does not change to second order."""
        values = self.singular_values(denoisers)
        return int((values <= tolerance * values[0]).sum())

    def _ambient(self, denoiser: Tensor, j: int, root: Tensor) -> Tensor:
        nature, level = self.levels[self.nature], self.levels[j]
        a, b = tweedie.nature_coefficients(nature, level)
        target = nature.transition_to(level).scale * torch.linalg.solve_triangular(root, self.observed, upper=False).mT
        residual: Tensor = a * denoiser @ root + b * root - target
        return residual

    def _step(self, denoiser: Tensor, j: int) -> Tensor:
        """M_j: the mean of one reverse step from level j to level j - 1, column by column."""
        basis = torch.eye(len(denoiser), dtype=denoiser.dtype)
        return self.kernel(denoiser.mT, basis, self.levels[j], self.levels[j - 1]).mean.mT

    def _root(self, j: int) -> Tensor:
        """S_j above the nature level; below it, where nothing is known of the data, that of standard normal X_0."""
        level = self.levels[j]
        if j <= self.nature:
            return (level.alpha**2 + level.sigma**2).sqrt() * torch.eye(len(self.observed), dtype=self.observed.dtype)
        step = self.levels[self.nature].transition_to(level)
        root: Tensor = torch.linalg.cholesky(_noisy(self.observed, step.scale, step.std))
        return root


def _noisy(covariance: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    return alpha**2 * covariance + sigma**2 * torch.eye(covariance.shape[-1], dtype=covariance.dtype)
