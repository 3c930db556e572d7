r"""Samples of p(X_0 | y) for linear measurements y = A x_0 + sigma_y N, from pure noise down.

A denoiser that knows y (`ambient.posterior.guidance`) drives the second-order multistep rule of `posterior.rollout` on
a grid of evenly spaced log sigma. In `python -m benchmarks.linear guidance` that is nearer to the posterior than first-
order ancestral steps on EDM's grid with the same evaluations: those lose variance, as rollouts of a model do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ambient import kernels
from ambient.denoisers import Denoiser
from ambient.posterior.guidance import Correction, Guided, Measurement
from ambient.posterior.rollout import descend, geometric_levels
from ambient.process import Level
from ambient.randomness import IndexedNoise


@torch.no_grad()
def sample_measured(
    denoiser: Denoiser,
    measured: Measurement,
    correction: Correction,
    indices: Sequence[int],
    shape: tuple[int, ...],
    *,
    seed: int = 0,
    steps: int = 24,
    sigma_min: float = 0.02,
    sigma_max: float = 20.0,
    dtype: torch.dtype = torch.float32,
    **condition: Any,
) -> Tensor:
    """One sample of p(X_0 | y) for each measurement.

    Args:
        denoiser: h, of samples in variance-exploding coordinates.
        measured: y, A and sigma_y of the samples, in the order of `indices`.
        correction: How h is told of y.
        indices: One for each sample: with `seed` it decides all noise of its path, whatever the batch.
        shape: Of one sample.
        seed: Seed; another gives another sample.
        steps: Evaluations of the denoiser, >= 2.
        sigma_min: Last level, where the corrected posterior mean is taken.
        sigma_max: First level, far above the data's own spread.
        dtype: Of the samples.
        condition: As of the denoiser.

    Returns:
        Samples, (B, *shape), on the device of y.

    Raises:
        ValueError: Unless 0 < sigma_min < sigma_max and steps >= 2.
    """
    if not (0 < sigma_min < sigma_max and steps >= 2):
        raise ValueError(
            f"sampling needs 0 < sigma_min < sigma_max and 2 steps, got {sigma_min:g}, {sigma_max:g}, {steps}"
        )
    device = measured.y.device
    noise = IndexedNoise(seed, list(indices), shape, dtype, device)
    one = torch.ones(len(indices), dtype=torch.float64, device=device)
    levels = geometric_levels(Level(one, sigma_max * one), Level(one, sigma_min * one), steps - 1)
    guided = Guided(denoiser, measured, correction)
    x = sigma_max * noise()
    x = descend(guided, x, guided(x, levels[0], **condition), levels, kernels.ancestral, noise, 2, condition)
    return guided(x, levels[-1], **condition)
