r"""Gaussian mixtures at every level of every process, in closed form.

Let X_0 ~ sum_k w_k N(mu_k, C_k) and X_t = alpha_t X_0 + sigma_t Z. Given component k everything is jointly Gaussian, so

    X_t | k  ~  N(alpha_t mu_k, S_k),    S_k = alpha_t^2 C_k + sigma_t^2 I,
    r_k(x)   =  P(k | X_t = x)  =  softmax_k( log w_k + log N(x; alpha_t mu_k, S_k) ),

and for a cleaner level s, with P_k = alpha_s^2 C_k + sigma_s^2 I and X_t = rho X_s + sqrt(v) Z',

    p(x_s | X_t = x) = sum_k r_k(x) N( alpha_s mu_k + G_k (x - alpha_t mu_k),  v P_k S_k^{-1} ),
    G_k = rho P_k S_k^{-1}.

At s = 0 this is the posterior of X_0, whose mean is E[X_0 | X_t]. Nothing here goes through Tweedie's formula: the
score is the gradient of the log-density and the posterior mean comes from Gaussian conditioning, so that each can
serve as a check of the other.

P_k and S_k share the eigenvectors of C_k, so one eigendecomposition serves every level, and a level may differ from
sample to sample. All numbers are formed in float64 with log-sum-exp; isotropic components (C_k = c_k I) need memory for
B x K numbers only, which makes d = 3072 and K = 1000 ordinary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ambient.process import Level, as_level

_ROWS = 16_384
"""Samples that are turned at once."""


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """The law of X_0 as a mixture of Gaussians.

    Attributes:
        means: mu_k, (K, d); kept in float64.
        covariances: C_k, (K, d, d) symmetric positive semi-definite, or (K,) variances c_k >= 0 of isotropic ones.
        weights: w_k > 0, (K,), normalised to sum 1; equal by default.

    Raises:
        ValueError: If the shapes do not fit together, or a weight or a covariance is not what it has to be.
    """

    means: Tensor
    covariances: Tensor
    weights: Tensor | None = None
    _eigenvalues: Tensor = field(init=False, repr=False)
    _vectors: Tensor | None = field(init=False, repr=False)
    _log_weights: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        means = torch.as_tensor(self.means, dtype=torch.float64)
        covariances = torch.as_tensor(self.covariances, dtype=torch.float64, device=means.device)
        if means.ndim != 2 or covariances.shape not in {(len(means),), (len(means), means.shape[1], means.shape[1])}:
            raise ValueError(
                f"a mixture takes means (K, d) and covariances (K, d, d) or (K,), got {tuple(means.shape)} "
                f"and {tuple(covariances.shape)}"
            )
        weights = means.new_ones(len(means)) if self.weights is None else self.weights
        weights = torch.as_tensor(weights, dtype=torch.float64, device=means.device)
        if weights.shape != (len(means),) or not bool((weights > 0).all()):
            raise ValueError(f"a mixture of {len(means)} components takes that many positive weights")
        values, vectors = _decompose(covariances)
        weights = weights / weights.sum()
        fields = (("means", means), ("covariances", covariances), ("weights", weights), ("_eigenvalues", values))
        for name, value in (*fields, ("_vectors", vectors), ("_log_weights", weights.log())):
            object.__setattr__(self, name, value)

    @property
    def dimension(self) -> int:
        """d."""
        return self.means.shape[1]

    def to(self, device: torch.device | str) -> GaussianMixture:
        """The same mixture on another device."""
        moved = None if self.weights is None else self.weights.to(device)
        return replace(self, means=self.means.to(device), covariances=self.covariances.to(device), weights=moved)

    def at(self, level: Level) -> GaussianMixture:
        """The law of X_t at one `level`, (): itself a mixture."""
        scaled = level.alpha**2 * self.covariances
        noise = level.sigma**2
        if self._vectors is not None:
            noise = noise * torch.eye(self.dimension, dtype=torch.float64, device=self.means.device)
        return GaussianMixture(level.alpha * self.means, scaled + noise, self.weights)

    def log_density(self, x: Tensor, level: Level) -> Tensor:
        """log p_t(x), (B,), for x (B, d) at a level () or (B,), in the dtype of x.

        Raises:
            ValueError: Where a component has no density: no noise and a singular covariance.
        """
        return self._log_joint(x.double(), level.on(x)).logsumexp(1).to(x.dtype)

    def responsibilities(self, x: Tensor, level: Level) -> Tensor:
        """P(component | X_t = x), (B, K), in the dtype of x."""
        return self._log_joint(x.double(), level.on(x)).softmax(1).to(x.dtype)

    def score(self, x: Tensor, level: Level) -> Tensor:
        """grad log p_t(x), (B, d): minus the mean over components of S_k^{-1} (x - alpha_t mu_k)."""
        level, y = level.on(x), x.double()
        weights = self._log_joint(y, level).softmax(1)
        return -self._weighted(y, level, weights[:, :, None] / self._spread(level)).to(x.dtype)

    def posterior_mean(self, x: Tensor, level: Level) -> Tensor:
        """E[X_0 | X_t = x], (B, d), for x (B, d) at a level () or (B,) with sigma_t > 0."""
        return self.reverse_kernel(x, level, Level.clean()).mean().to(x.dtype)

    def posterior_covariance(self, x: Tensor, level: Level) -> Tensor:
        """Cov[X_0 | X_t = x], (B, d, d)."""
        return self.reverse_kernel(x, level, Level.clean()).covariance().to(x.dtype)

    def reverse_kernel(self, x: Tensor, level: Level, target: Level) -> ReverseKernel:
        """The exact p(x_s | X_t = x).

        Args:
            x: Samples of `level`, (B, d).
            level: t, () or (B,), sigma_t > 0.
            target: s, () or (B,), with SNR_s >= SNR_t; the clean level gives the posterior of X_0.

        Raises:
            ValueError: If `target` is noisier than `level` for any sample.
        """
        y, level, target = x.double(), level.on(x), target.on(x)
        step = target.transition_to(level)
        spread, prior = self._spread(level), self._spread(target)
        gain = step.scale.double()[:, None, None] * prior / spread
        variances = step.variance.double()[:, None, None] * prior / spread
        return ReverseKernel(self, y, level, target, self._log_joint(y, level).softmax(1), gain, variances)

    def denoiser(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """E[X_0 | X_t] as an `ambient.denoisers.Denoiser`: x_t (B, *), a level or VE sigma; conditions are ignored."""
        return self.posterior_mean(x_t.flatten(1), as_level(level)).reshape(x_t.shape)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n samples of X_0, (n, d) float64, drawn on the CPU from `generator`."""
        assert self.weights is not None
        k = torch.multinomial(self.weights.cpu(), n, replacement=True, generator=generator).to(self.means.device)
        noise = torch.randn(n, self.dimension, dtype=torch.float64, generator=generator).to(self.means.device)
        return self.means[k] + self._rotated(self._eigenvalues[k].sqrt() * noise, k)

    def _spread(self, level: Level) -> Tensor:
        """Eigenvalues of S_k for levels (B,): (B, K, d), or (B, K, 1) for isotropic components."""
        alpha, sigma = level.alpha.double()[:, None, None], level.sigma.double()[:, None, None]
        return alpha**2 * self._eigenvalues + sigma**2

    def _log_joint(self, x: Tensor, level: Level) -> Tensor:
        """log w_k + log N(x; alpha mu_k, S_k), (B, K)."""
        spread = self._spread(level)
        if bool((spread <= 0).any()):
            raise ValueError("the mixture has no density at sigma = 0 where a covariance is singular")
        determinant = spread.log().sum(2) * (self.dimension / spread.shape[2])
        return self._log_weights - (self._squared(x, level, spread) + determinant + self._log_2_pi) / 2

    @property
    def _log_2_pi(self) -> float:
        return self.dimension * math.log(2 * math.pi)

    def _squared(self, x: Tensor, level: Level, spread: Tensor) -> Tensor:
        """(x - alpha mu_k)^T S_k^{-1} (x - alpha mu_k), (B, K)."""
        alpha = level.alpha.double()[:, None]
        if self._vectors is not None:
            return (self._residual(x, alpha).square() / spread).sum(2)
        centre = self.means.mean(0)
        x, means = x - alpha * centre, self.means - centre
        squared = x.square().sum(1, keepdim=True) - 2 * alpha * (x @ means.T) + alpha**2 * means.square().sum(1)
        return squared / spread[:, :, 0]

    def _weighted(self, x: Tensor, level: Level, factor: Tensor) -> Tensor:
        """sum_k F_k (x - alpha mu_k), (B, d), for F_k with the eigenvectors of C_k and the eigenvalues `factor`."""
        alpha = level.alpha.double()[:, None]
        if self._vectors is not None:
            return torch.einsum("bki,kdi->bd", factor * self._residual(x, alpha), self._vectors)
        return factor.sum(1) * x - alpha * (factor[:, :, 0] @ self.means)

    def _residual(self, x: Tensor, alpha: Tensor) -> Tensor:
        """x - alpha mu_k in the eigenvectors of C_k, (B, K, d)."""
        return torch.einsum("bkd,kdi->bki", x[:, None] - alpha[:, :, None] * self.means, self._vectors)

    def _rotated(self, z: Tensor, components: Tensor) -> Tensor:
        """z (n, d) from the eigenvectors of the covariance of each one's component, (n,)."""
        if self._vectors is None:
            return z
        # In parts, since each row takes a matrix of its own: 12 GB for the 1.5 million samples of a stream in 32-D.
        parts = zip(torch.split(z, _ROWS), torch.split(components, _ROWS), strict=True)
        return torch.cat([torch.einsum("bi,bdi->bd", rows, self._vectors[k]) for rows, k in parts])


@dataclass(frozen=True, eq=False)
class ReverseKernel:
    """p(x_s | X_t = x) for a batch of x: for each a mixture of Gaussians, all float64.

    Attributes:
        mixture: The law of X_0.
        x: (B, d).
        level: t, (B,).
        target: s, (B,).
        weights: r_k(x), (B, K).
        gain: Eigenvalues of G_k, (B, K, d), or (B, K, 1) for isotropic components.
        variances: Eigenvalues of the covariance v P_k S_k^{-1}, of the same shape.
    """

    mixture: GaussianMixture
    x: Tensor
    level: Level
    target: Level
    weights: Tensor
    gain: Tensor
    variances: Tensor

    @property
    def means(self) -> Tensor:
        """The means of the components, (B, K, d)."""
        vectors, means = self.mixture._vectors, self.mixture.means
        residual = self.x[:, None] - self.level.alpha.double()[:, None, None] * means
        prior = self.target.alpha.double()[:, None, None] * means
        if vectors is None:
            return prior + self.gain * residual
        return prior + torch.einsum("kdi,bki,kei,bke->bkd", vectors, self.gain, vectors, residual)

    @property
    def covariances(self) -> Tensor:
        """The covariances of the components, (B, K, d, d)."""
        values = self.variances.expand(*self.weights.shape, self.mixture.dimension)
        vectors = self.mixture._vectors
        return (
            torch.diag_embed(values) if vectors is None else torch.einsum("kdi,bki,kei->bkde", vectors, values, vectors)
        )

    def mean(self) -> Tensor:
        """E[X_s | X_t = x], (B, d)."""
        prior = self.target.alpha.double()[:, None] * (self.weights @ self.mixture.means)
        return prior + self.mixture._weighted(self.x, self.level, self.weights[:, :, None] * self.gain)

    def covariance(self) -> Tensor:
        """Cov[X_s | X_t = x], (B, d, d): within the components and between them."""
        values, vectors = self.weights[:, :, None] * self.variances, self.mixture._vectors
        if vectors is None:
            within = torch.diag_embed(values.sum(1).expand(-1, self.mixture.dimension))
        else:
            within = torch.einsum("bki,kdi,kei->bde", values, vectors, vectors)
        spread = self.means - self.mean()[:, None]
        return within + torch.einsum("bk,bkd,bke->bde", self.weights, spread, spread)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One sample of X_s for each x, (B, d), drawn on the CPU from `generator`."""
        k = torch.multinomial(self.weights.cpu(), 1, generator=generator)[:, 0].to(self.x.device)
        noise = torch.randn(self.x.shape, dtype=torch.float64, generator=generator).to(self.x.device)
        rows = torch.arange(len(k), device=k.device)
        means, vectors = self.mixture.means[k], self.mixture._vectors
        residual = self.x - self.level.alpha.double()[:, None] * means
        if vectors is not None:
            residual = torch.einsum("bd,bdi->bi", residual, vectors[k])
        moved = self.gain[rows, k] * residual + self.variances[rows, k].sqrt() * noise
        return self.target.alpha.double()[:, None] * means + self.mixture._rotated(moved, k)


def _decompose(covariances: Tensor) -> tuple[Tensor, Tensor | None]:
    """Eigenvalues (K, 1) and None for variances (K,); eigenvalues (K, d) and vectors (K, d, d) for matrices."""
    if covariances.ndim == 1:
        values, vectors = covariances[:, None], None
    else:
        if not torch.allclose(covariances, covariances.mT, rtol=1e-10, atol=1e-14):
            raise ValueError("the covariances of a mixture must be symmetric")
        values, vectors = torch.linalg.eigh(covariances)
    if bool((values < -1e-12 * values.abs().max()).any()):
        raise ValueError(
            f"the covariances of a mixture must be positive semi-definite; an eigenvalue is {values.min():g}"
        )
    return values.clamp(min=0), vectors
