"""Exact conditional means of Gaussian mixtures, by conditioning joint Gaussians: shares no code with Tweedie."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

from ambient.process import VE, VP, Flow, Level


@dataclass
class Mixture:
    """A full-covariance mixture: weights (K,), means (K, d), covariances (K, d, d), float64."""

    weights: Tensor
    means: Tensor
    covariances: Tensor

    @classmethod
    def random(cls, seed: int, components: int = 3, d: int = 3) -> Mixture:
        g = torch.Generator().manual_seed(seed)
        root = torch.randn(components, d, d, generator=g, dtype=torch.float64)
        weights = torch.rand(components, generator=g, dtype=torch.float64) + 0.1
        means = 1.5 * torch.randn(components, d, generator=g, dtype=torch.float64)
        return cls(weights / weights.sum(), means, 0.2 * root @ root.mT + 0.05 * torch.eye(d, dtype=torch.float64))

    def sample(self, n: int, seed: int) -> Tensor:
        g = torch.Generator().manual_seed(seed)
        k = torch.multinomial(self.weights, n, replacement=True, generator=g)
        noise = torch.randn(n, self.means.shape[1], generator=g, dtype=torch.float64)
        return self.means[k] + torch.einsum("nij,nj->ni", torch.linalg.cholesky(self.covariances)[k], noise)

    def mean_given(self, x: Tensor, level: Level, wanted: Level) -> Tensor:
        """E[X_s | X_t = x] of the process that passes `wanted` = s before `level` = t.

        X_t = rho X_s + sqrt(v) Z', so Cov(X_s, X_t) = rho Cov(X_s).
        """
        eye = torch.eye(self.means.shape[1], dtype=torch.float64)
        rho = level.alpha / wanted.alpha
        cov_s = wanted.alpha**2 * self.covariances + wanted.sigma**2 * eye
        cov_t = level.alpha**2 * self.covariances + level.sigma**2 * eye
        offset = x[:, None] - level.alpha * self.means
        solved = torch.linalg.solve(cov_t, offset[..., None])[..., 0]
        log_w = self.weights.log() - 0.5 * (offset * solved).sum(-1) - 0.5 * torch.linalg.slogdet(cov_t).logabsdet
        means = wanted.alpha * self.means + rho * torch.einsum("kij,nkj->nki", cov_s, solved)
        return (log_w.softmax(1)[..., None] * means).sum(1)


@st.composite
def two_levels(draw: st.DrawFn) -> tuple[Level, Level]:
    """A cleaner and a noisier level of VE, VP, flow matching or an arbitrary schedule, float64 scalars."""
    kind = draw(st.sampled_from(["VE", "VP", "flow", "any"]))
    low = draw(st.floats(0.02, 0.85))
    high = draw(st.floats(low + 0.03, 0.97))
    if kind == "VE":
        return VE().level(4 * low), VE().level(4 * high)
    if kind == "VP":
        return VP().level(low), VP().level(high)
    if kind == "flow":
        return Flow().level(low), Flow().level(high)
    scale_n, scale_t = draw(st.floats(0.2, 3)), draw(st.floats(0.2, 3))
    n, t = Flow().level(low), Flow().level(high)
    return Level(n.alpha * scale_n, n.sigma * scale_n), Level(t.alpha * scale_t, t.sigma * scale_t)


def relative_error(a: Tensor, b: Tensor) -> float:
    """|a - b| / |b|, over all entries."""
    return float((a - b).norm() / b.norm())
