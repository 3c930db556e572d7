r"""Derivatives of a denoiser in its sample: Jacobian-vector products, and through them divergence and covariance.

By Tweedie's formula of the second order, Cov[X_0 | X_t = x] = (sigma_t^2 / alpha_t) J with J = dh/dx. All derivatives
are forward mode (`torch.func.jvp`), which evaluates h beside J v at about twice the cost of h, and through which a
gradient in the parameters flows as usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ambient.denoisers import Denoiser
from ambient.process import Level


def jvp(
    denoiser: Denoiser, x_t: Tensor, level: Level, direction: Tensor, condition: Mapping[str, Any] | None = None
) -> tuple[Tensor, Tensor]:
    """h(x_t) and J v for v = `direction`, all (B, *)."""
    h, slope = torch.func.jvp(lambda x: denoiser(x, level, **(condition or {})), (x_t.contiguous(),), (direction,))[:2]
    return h, slope


def jacobian(
    denoiser: Denoiser, x_t: Tensor, level: Level, condition: Mapping[str, Any] | None = None
) -> tuple[Tensor, Tensor]:
    """h (B, d) and J = dh/dx, (B, d, d), of flat samples (B, d), by d products in one batch of d B samples.

    Raises:
        ValueError: If the samples are not flat.
    """
    if x_t.ndim != 2:
        raise ValueError(f"whole Jacobians are for flat samples (B, d), got {tuple(x_t.shape)}; use products, `jvp`")
    batch, d = x_t.shape
    rows = torch.arange(batch).repeat(d)
    basis = torch.eye(d, dtype=x_t.dtype, device=x_t.device).repeat_interleave(batch, 0)
    repeated = {name: values[rows] for name, values in (condition or {}).items()}
    h, columns = jvp(denoiser, x_t[rows], level.on(x_t)[rows], basis, repeated)
    return h[:batch], columns.reshape(d, batch, d).permute(1, 2, 0)
