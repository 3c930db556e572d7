r"""How close a set of samples is to a set of real images, on any features.

Fréchet distance of two Gaussians fitted to the features (Heusel et al. 2017; FID only on Inception's features):

    d^2 = |m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1^(1/2) C_2 C_1^(1/2))^(1/2)).

Where both sets together have fewer rows than features, their deviations A = (x - m) / (n - 1)^(1/2) are the smaller
matrices: C = A^T A, and the trace of the root is the sum of the singular values of A_1 A_2^T.

Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020), with balls around each point
that reach its k-th nearest neighbour in its own set; distances are exact (`ambient.metrics.distances`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.metrics.distances import inside, nearest
from ambient.metrics.features import check_finite


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet (Wasserstein-2) distance of the Gaussians fitted to two sets of features.

    Args:
        a: Features, (N, D), N >= 2.
        b: Features, (M, D), M >= 2.

    Returns:
        The distance d^2 >= 0, in squared units of the features, with unbiased covariances as in the usual FID code.

    Raises:
        ValueError: If a set has fewer than two rows, or features that are not finite.
    """
    (mean_a, rows_a), (mean_b, rows_b) = _deviations(a), _deviations(b)
    if len(a) + len(b) > rows_a.shape[1]:
        covariances = [rows.T @ rows / (len(rows) - 1) for rows in (rows_a, rows_b)]
        return gaussian_frechet_distance(mean_a, covariances[0], mean_b, covariances[1])
    rows_a, rows_b = rows_a / (len(a) - 1) ** 0.5, rows_b / (len(b) - 1) ** 0.5
    cross = torch.linalg.svdvals(rows_a @ rows_b.T).sum()
    distance = (mean_a - mean_b).square().sum() + rows_a.square().sum() + rows_b.square().sum() - 2 * cross
    return max(float(distance), 0.0)


def gaussian_frechet_distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """Squared Fréchet distance of two Gaussians given by their means, (D,), and covariances, (D, D)."""
    root = _symmetric_root(cov_a)
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(float(distance), 0.0)


@dataclass(frozen=True)
class Manifold:
    """Precision, recall, density and coverage, each a share (density may pass 1)."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_metrics(real: Tensor, fake: Tensor, k: int = 5) -> Manifold:
    """Precision, recall, density and coverage of `fake` with respect to `real`.

    Args:
        real: Features of real images, (N, D), N > k.
        fake: Features of samples, (M, D), M > k.
        k: Neighbours that make a ball.

    Raises:
        ValueError: If a set has k points or fewer, or features that are not finite.
    """
    check_finite(real, "real features")
    check_finite(fake, "sampled features")
    if min(len(real), len(fake)) <= k:
        raise ValueError(f"both sets need more than k = {k} points, got {len(real)} and {len(fake)}")
    real, fake = real.double(), fake.double()
    in_real_balls, in_fake_balls = inside(real, _radii(real, k), fake), inside(fake, _radii(fake, k), real)
    return Manifold(
        precision=float(in_real_balls.any(0).double().mean()),
        recall=float(in_fake_balls.any(0).double().mean()),
        density=float(in_real_balls.double().sum(0).mean() / k),
        coverage=float(in_real_balls.any(1).double().mean()),
    )


def _deviations(features: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, (D,), and the deviations from it, (N, D), both float64."""
    features = features.double()
    if len(features) < 2:
        raise ValueError(f"a Fréchet distance needs at least two feature vectors a set, got {len(features)}")
    check_finite(features, "features of a set")
    mean = features.mean(0)
    return mean, features - mean


def _symmetric_root(matrix: Tensor) -> Tensor:
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors * eigenvalues.clamp(min=0).sqrt() @ vectors.T
    return root


def _radii(points: Tensor, k: int) -> Tensor:
    return nearest(points, points, k + 1)[0][:, k]  # each point is its own nearest neighbour
