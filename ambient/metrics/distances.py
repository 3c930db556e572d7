r"""Exact Euclidean distances between many points, at the cost of matrix products.

|a - b|^2 = |a|^2 + |b|^2 - 2ab costs one matrix product for all pairs, and loses small distances: of points far from
the origin, and of duplicates, it leaves rounding. Here points are centred first, the error of the products is bounded,

    error <= 2 (D + 4) eps (|a|^2 + |b|^2),

and wherever the bound leaves a question open it is answered by the differences a - b themselves.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ambient.metrics.features import check_finite


def nearest(queries: Tensor, keys: Tensor, k: int = 1, chunk: int = 4096) -> tuple[Tensor, Tensor]:
    """Euclidean distances to, and rows of, the k nearest keys, both (Q, k), nearest first.

    Exact: candidates come from matrix products of centred points, |a|^2 + |b|^2 - 2ab, and the distances of those kept
    are formed from differences. The rounding error of the products is bounded; where a point that was not kept could be
    nearer within that bound, all differences of that query are formed.

    Args:
        queries: (Q, D).
        keys: (K, D), K >= k.
        k: How many.
        chunk: Queries at a time.

    Raises:
        ValueError: If there are fewer than k keys, or a row is not finite.
    """
    if len(keys) < k:
        raise ValueError(f"{k} nearest neighbours need at least {k} points to look among, got {len(keys)}")
    check_finite(queries, "queries")
    check_finite(keys, "points to look among")
    centre = keys.double().mean(0).to(keys.dtype)
    centred = keys - centre
    kept = min(len(keys), k + 4)
    distances, rows = [], []
    for part in torch.split(queries, chunk):
        square, error = _by_products(part - centre, centred)
        at_least = square - error
        lowest, candidates = at_least.topk(min(len(keys), kept + 1), largest=False)
        candidates = candidates[:, :kept]
        exact = (part[:, None] - keys[candidates]).square().sum(2).sqrt()
        best = exact.topk(k, largest=False)
        distance, row = best.values, candidates.gather(1, best.indices)
        if kept < len(keys):
            for i in (distance[:, -1].square() > lowest[:, -1]).nonzero()[:, 0].tolist():
                distance[i], row[i] = (part[i] - keys).square().sum(1).sqrt().topk(k, largest=False)
        distances.append(distance)
        rows.append(row)
    return torch.cat(distances), torch.cat(rows)


def inside(balls: Tensor, radii: Tensor, points: Tensor, chunk: int = 1024) -> Tensor:
    """Whether each point lies in the open ball around each centre, |centre - point| < radius, (N, M); exact.

    Args:
        balls: Centres, (N, D).
        radii: (N,).
        points: (M, D).
        chunk: Centres, and pairs whose differences are formed, at a time.
    """
    centre = balls.double().mean(0).to(balls.dtype)
    centred = points - centre
    parts = []
    for part, radius in zip(torch.split(balls, chunk), torch.split(radii, chunk), strict=True):
        square, error = _by_products(part - centre, centred)
        beyond = square - radius.square()[:, None]
        found = beyond < 0
        for pairs in torch.split((beyond.abs() <= 2 * error).nonzero(), chunk):
            i, j = pairs.T
            found[i, j] = (part[i] - points[j]).square().sum(1).sqrt() < radius[i]
        parts.append(found)
    return torch.cat(parts)


def _by_products(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """|a_i - b_j|^2 by products, and a bound on their error, both (N, M)."""
    rounding = torch.finfo(a.dtype).eps
    if a.is_cuda and a.dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest":
        rounding = 2**-7  # products of bfloat16 or TensorFloat-32
    size = a.square().sum(1, keepdim=True) + b.square().sum(1)
    return size - 2 * a @ b.T, 2 * rounding * (a.shape[1] + 4) * size
