r"""The law of clean samples as weighted particles, fitted to noisy samples alone: for few dimensions.

In variance-exploding coordinates y = x_n / alpha_n, s = sigma_n / alpha_n, write p_0 as M particles with fixed places
and unknown weights, each a small round Gaussian:

    p_0 = sum_j w_j N(y_j, kappa^2 I),    so that    p_n = sum_j w_j N(y_j, (kappa^2 + s^2) I).

The log-likelihood of the noisy samples is concave in w. Expectation maximisation climbs it within the simplex,

    w_j <- w_j r_j^eta / sum,    r_j = mean_i N(x_i; y_j, kappa^2 + s^2) / p_n(x_i),

with eta = 1 for the plain step and eta < 2 for an over-relaxed one. For kappa -> 0 its limit is the nonparametric
maximum likelihood estimate (Kiefer and Wolfowitz 1956; Laird 1978; Koenker and Mizera 2014), a few atoms; stopped
early it is Richardson's and Lucy's deconvolution (1972, 1974). When to stop, and how wide the particles are, is decided
by the likelihood of *noisy* samples held out from the fit: nothing clean is needed.

No network is asked, so unlike a model's own posterior samples (`ambient.posterior.rollout`) these do not carry the
model's errors into its next training targets. But particles have to cover the space, which they do in two dimensions
and not in eight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.process import Level, per_sample
from ambient.randomness import Draws, permutation

RELAXATION = 1.5
"""eta."""
PATIENCE = 60
"""Iterations without a better held-out likelihood that end the fit."""
LOOK_EVERY = 10
"""Iterations between looks at the held-out likelihood."""
NEGLIGIBLE = 1e-3
"""Weight that is left out at the end: most of the particles, so that sampling costs less."""


@dataclass(frozen=True, eq=False)
class Particles:
    """p_0 = sum_j w_j N(y_j, kappa^2 I); as a posterior sampler, what `objectives.OnlineEM` asks for.

    Attributes:
        places: y_j, (M, d) float32.
        weights: w_j, (M,), summing to 1.
        width: kappa, >= 0.
    """

    places: Tensor
    weights: Tensor
    width: float

    @torch.no_grad()
    def __call__(self, denoiser: Denoiser | None, batch: Batch, h: Tensor | None, draws: Draws) -> Tensor:
        """Exact samples of X_0 given the samples of `batch` under this law, (B, *); the model is not asked."""
        y, s = _variance_exploding(batch.x, batch.nature)
        places = self.places.to(y)
        variance = s.square() + self.width**2
        # log w_j - |y - y_j|^2 / 2 v without |y|^2, which is the same for all particles
        inner = y @ places.T - places.square().sum(1) / 2
        share = (inner / variance[:, None] + self.weights.to(y).log()).softmax(1).cumsum_(1)
        u = draws.uniform(y).to(y)[:, None]
        chosen = torch.searchsorted(share, u).squeeze(1).clamp(max=len(places) - 1)
        gain = (self.width**2 / variance)[:, None]
        x_0 = places[chosen] + gain * (y - places[chosen]) + gain.sqrt() * s[:, None] * draws.normal(y)
        return x_0.reshape(batch.x.shape)

    def log_likelihood(self, x_n: Tensor, nature: Level) -> Tensor:
        """log p_n of noisy samples (B, *) in variance-exploding coordinates, (B,)."""
        y, s = _variance_exploding(x_n, nature)
        variance = (s.square() + self.width**2)[:, None]
        exponent = -torch.cdist(y, self.places.to(y)).square() / (2 * variance)
        normaliser = y.shape[1] / 2 * (2 * math.pi * variance[:, 0]).log()
        return (exponent + self.weights.to(y).log()).logsumexp(1) - normaliser


def fit_particles(
    x_n: Tensor,
    nature: Level,
    *,
    seed: int = 0,
    count: int = 1500,
    widths: Sequence[float] = (0.1, 0.2, 0.3, 0.4),
    samples: int = 60_000,
    iterations: int = 600,
) -> Particles:
    """Particles at some of the noisy samples, weighted to explain all of them. Deterministic; a minute on one core.

    Args:
        x_n: Noisy samples (N, *), N >= 10.
        nature: Their level, one for all, sigma > 0.
        seed: Decides which samples become places and which are held out.
        count: M, at most.
        widths: kappa / s to choose from.
        samples: How many are used, at most; a sixth of them are held out.
        iterations: Of expectation maximisation, at most, for each width.

    Raises:
        ValueError: If there are too few samples, or they are clean.
    """
    if len(x_n) < 10 or not float(nature.sigma) > 0:
        raise ValueError(f"particles are fitted to at least 10 noisy samples, got {len(x_n)} at sigma {nature.sigma:g}")
    y, s = _variance_exploding(x_n[permutation(len(x_n), "subset", seed)[:samples]], nature)
    held_out, fitted = y[: len(y) // 6], y[len(y) // 6 :]
    places = fitted[:count]
    near, far = (torch.cdist(part, places).square_() for part in (fitted, held_out))
    best: tuple[float, Tensor, float] | None = None
    for width in widths:
        kappa = width * float(s[0])
        likelihood, weights = _climb(near, far, kappa**2 + float(s[0]) ** 2, y.shape[1], iterations)
        if best is None or likelihood > best[0]:
            best = (likelihood, weights, kappa)
    assert best is not None
    kept = _bulk(best[1])
    return Particles(places[kept], best[1][kept] / best[1][kept].sum(), best[2])


def _bulk(weights: Tensor) -> Tensor:
    """Which particles, heaviest first, carry all but `NEGLIGIBLE` of the weight, (M,) bool."""
    order = weights.argsort(descending=True)
    before = weights[order].cumsum(0) - weights[order]
    kept = torch.zeros_like(weights, dtype=torch.bool)
    kept[order] = before < 1 - NEGLIGIBLE
    return kept


def _climb(near: Tensor, far: Tensor, variance: float, dimension: int, iterations: int) -> tuple[float, Tensor]:
    """The best mean held-out log-likelihood (up to a constant) along the path of the weights, and the weights there.

    Args:
        near: Squared distances of the fitted samples to the particles, (N, M).
        far: Those of the samples held out.
        variance: kappa^2 + s^2.
        dimension: d.
        iterations: At most.
    """
    kernel, held_out = ((part * (-0.5 / variance)).exp_() for part in (near, far))
    weights = kernel.new_full((kernel.shape[1],), 1 / kernel.shape[1])
    best, best_weights, best_at = -math.inf, weights, 0
    for k in range(1, iterations + 1):
        ratio = kernel.T @ (1 / (kernel @ weights)) / len(kernel)
        weights = weights * ratio**RELAXATION
        weights = weights / weights.sum()
        if k % LOOK_EVERY == 0:
            mean = float((held_out @ weights).log().mean()) - dimension / 2 * math.log(variance)
            if mean > best:
                best, best_weights, best_at = mean, weights, k
            elif k - best_at >= PATIENCE:
                break
    return best, best_weights


def _variance_exploding(x_n: Tensor, nature: Level) -> tuple[Tensor, Tensor]:
    """y = x_n / alpha_n, (B, d), and sigma_n / alpha_n, (B,)."""
    level = nature.on(x_n)
    return (x_n / per_sample(level.alpha, x_n)).flatten(1), level.ratio.to(x_n)
