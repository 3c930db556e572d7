r"""Exact posteriors of mixtures under linear measurements y = A x_0 + v^{1/2} N, with A and v of each sample.

Each component is a Gaussian N(mu_k, C_k) with

    S_k = A C_k A^T + v I,    m_k = mu_k + C_k A^T S_k^{-1} (y - A mu_k),    P_k = C_k - C_k A^T S_k^{-1} A C_k,

and weighs w_k N(y; A mu_k, S_k). A noisy sample of which a mask hides coordinates is such a measurement, with
A = alpha_t diag(mask) and v = sigma_t^2 (`masked`): a row of zeros says nothing. So E[X_0 | M X_t, M], which Ambient
Diffusion's network learns (Daras et al. 2023, Theorem 4.2), is known exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.process import Level
from theory.mixture import GaussianMixture


@dataclass(frozen=True, eq=False)
class MeasuredPosterior:
    """p(x_0 | y) of a batch: a mixture for each sample, float64.

    Attributes:
        weights: (B, K), summing to 1.
        means: m_k, (B, K, d).
        covariances: P_k, (B, K, d, d).
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def mean(self) -> Tensor:
        """E[X_0 | y], (B, d)."""
        mean: Tensor = (self.weights[:, :, None] * self.means).sum(1)
        return mean

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One sample of each posterior, (B, d)."""
        rows = torch.arange(len(self.weights))
        k = torch.multinomial(self.weights, 1, generator=generator)[:, 0]
        values, vectors = torch.linalg.eigh(self.covariances[rows, k])
        noise = torch.randn(self.means[:, 0].shape, dtype=torch.float64, generator=generator)
        scaled = values.clamp(min=0).sqrt() * noise
        found: Tensor = self.means[rows, k] + (vectors @ scaled[:, :, None])[:, :, 0]
        return found


def measured(mixture: GaussianMixture, y: Tensor, rows: Tensor, variance: Tensor | float) -> MeasuredPosterior:
    """p(x_0 | y).

    Args:
        mixture: The law of X_0, in d dimensions, with full covariances or round ones.
        y: Measurements, (B, m).
        rows: A, (1 or B, m, d).
        variance: v > 0, () or (B,).
    """
    y, a = y.double(), rows.double().expand(len(y), -1, -1)
    noise = torch.as_tensor(variance, dtype=torch.float64).expand(len(y))
    covariances = mixture.covariances
    if covariances.ndim == 1:
        covariances = covariances[:, None, None] * torch.eye(mixture.dimension, dtype=torch.float64)
    ac = torch.einsum("bmd,kde->bkme", a, covariances)
    eye = torch.eye(y.shape[1], dtype=torch.float64)
    spread = torch.einsum("bkme,bne->bkmn", ac, a) + noise[:, None, None, None] * eye
    factor = torch.linalg.cholesky(spread)
    residual = (y[:, None] - torch.einsum("bmd,kd->bkm", a, mixture.means))[..., None]
    solved = torch.cholesky_solve(torch.cat([residual, ac], -1), factor)
    squared = (residual * solved[..., :1]).sum((-2, -1))
    log_determinant = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    assert mixture.weights is not None
    log_joint = mixture.weights.log() - (squared + log_determinant + y.shape[1] * math.log(2 * math.pi)) / 2
    means = mixture.means + (ac.mT @ solved[..., :1])[..., 0]
    return MeasuredPosterior(log_joint.softmax(1), means, covariances - ac.mT @ solved[..., 1:])


def masked(mixture: GaussianMixture, x_t: Tensor, mask: Tensor, level: Level) -> MeasuredPosterior:
    """p(x_0 | M x_t) for samples x_t, (B, d), masks (1 or B, d) of zeros and ones and a level () or (B,)."""
    level, mask = level.on(x_t), mask.double()
    rows = level.alpha.double()[:, None, None] * torch.diag_embed(mask)
    return measured(mixture, mask * x_t.double(), rows, level.sigma.double() ** 2)
