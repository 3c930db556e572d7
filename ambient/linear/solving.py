r"""Batched conjugate gradients for M x = b with M symmetric and positive semi-definite (Hestenes and Stiefel 1952).

Each sample of a batch has its own M, its own step and its own tolerance: what one needs does not depend on the others.
The inner product is the real one, Re sum conj(a) b, so complex samples are as good as pairs of real ones.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ambient.process import per_sample


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Re <a, b> of each sample, (B,), of samples (B, *)."""
    product = (a.conj() * b).real if a.is_complex() or b.is_complex() else a * b
    return product.flatten(1).sum(1)


def conjugate_gradients(
    matrix: Callable[[Tensor], Tensor], b: Tensor, *, tolerance: float = 1e-6, iterations: int = 200
) -> tuple[Tensor, Tensor]:
    """Solve M x = b from x = 0.

    Args:
        matrix: M, applied to a batch (B, *).
        b: Right-hand sides, (B, *).
        tolerance: A sample stands still once |b - M x| <= tolerance |b|.
        iterations: At most, >= 1; a few of them are a well-known approximation in their own right.

    Returns:
        x, (B, *), and |b - M x| / |b| as the recurrence has it, (B,); 0 where b = 0.
    """
    x, residual = torch.zeros_like(b), b
    direction, squared = b, inner(b, b)
    norm = squared.clone()
    for _ in range(iterations):
        active = squared > tolerance**2 * norm
        if not bool(active.any()):
            break
        image = matrix(direction)
        curvature = inner(direction, image)
        active = active & (curvature > 0)  # a direction that M sends to zero leads nowhere
        step = torch.where(active, squared / curvature, 0)
        x = x + per_sample(step, x.real) * direction
        residual = residual - per_sample(step, x.real) * image
        before, squared = squared, inner(residual, residual)
        ratio = torch.where(active, squared / before, 0)
        direction = residual + per_sample(ratio, x.real) * direction
    return x, torch.where(norm > 0, squared / norm, 0).sqrt()
