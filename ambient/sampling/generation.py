r"""Samples from a denoiser: generate, stop at the nature level, restore.

Sampling runs in variance-exploding coordinates y = x_t / alpha_t, sigma = sigma_t / alpha_t, in which every process
has the same probability-flow ODE; a grid of sigmas that ends at 0 gives samples, a grid that ends above 0 stops there
and returns the posterior mean E[X_0 | X_t] (Kawar et al. 2023, Xiang et al. 2023).

The noise of image i is a function of (seed, i), so an image does not depend on the batch it is drawn in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ambient import karras
from ambient.denoisers import Denoiser
from ambient.process import VE, Level, renormalise
from ambient.randomness import IndexedNoise


def generate(
    denoiser: Denoiser,
    indices: Sequence[int],
    shape: tuple[int, ...],
    sigmas: Tensor,
    *,
    seed: int,
    sampler: karras.Sampler = karras.sample_heun,
    batch: int = 256,
    condition: Callable[[Sequence[int]], Mapping[str, Any]] | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Iterator[Tensor]:
    """Generate the images `indices`, batch by batch.

    Args:
        denoiser: h, called in VE coordinates.
        indices: Which images: each is a function of (seed, index).
        shape: Shape of one image.
        sigmas: Decreasing levels, (steps + 1,); ending at 0, or above it to stop there with the posterior mean.
        seed: Seed of all noise.
        sampler: `karras.sample_heun`, `sample_euler`, `sample_euler_ancestral`, or one of these with options bound.
        batch: Images at a time; changes no image beyond rounding.
        condition: Gives the denoiser's keyword arguments for a list of indices.
        dtype: Of the images.
        device: Where the denoiser is.
        progress: Called with the number of images done so far, after each batch.

    Yields:
        Images (b, *shape) on the CPU, in the order of `indices`.

    Raises:
        ValueError: If batch is not positive or the levels do not decrease.
    """
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    for start in range(0, len(indices), batch):
        chunk = indices[start : start + batch]
        noise = IndexedNoise(seed, chunk, shape, dtype, device)
        x = sigmas[0].to(dtype=dtype, device=device) * noise()
        model = partial(denoiser, **(condition(chunk) if condition else {}))
        yield _descend(model, x, sigmas, sampler, noise).cpu()
        if progress is not None:
            progress(start + len(chunk))


def restore(
    denoiser: Denoiser,
    x_t: Tensor,
    level: Level,
    indices: Sequence[int],
    *,
    seed: int,
    steps: int = 18,
    sigma_min: float = 0.01,
    sampler: karras.Sampler = karras.sample_euler_ancestral,
    condition: Mapping[str, Any] | None = None,
) -> Tensor:
    """Posterior samples X_0 ~ p(. | X_t = x_t) of the model (P1 section 4.1; the posterior mean is `denoiser` itself).

    Args:
        denoiser: h.
        x_t: Noisy samples of any process, (B, *).
        level: Their level, one for all.
        indices: One index for each sample; with `seed` it decides the noise of its reverse path.
        seed: Seed.
        steps: Levels from that of x_t down to sigma_min, log-spaced.
        sigma_min: Last positive level, below that of x_t.
        sampler: A stochastic sampler; a deterministic one gives the same restoration for every seed.
        condition: Keyword arguments of the denoiser.

    Returns:
        Samples, (B, *).

    Raises:
        ValueError: If sigma_min is not below the level of x_t.
    """
    y, own = renormalise(VE(), x_t, level)
    sigmas = karras.log_sigmas(steps, sigma_min, float(own.sigma))
    noise = IndexedNoise(seed, indices, tuple(x_t.shape[1:]), x_t.dtype, x_t.device)
    return _descend(partial(denoiser, **(condition or {})), y, sigmas, sampler, noise)


@torch.no_grad()
def _descend(model: Any, x: Tensor, sigmas: Tensor, sampler: karras.Sampler, noise: IndexedNoise) -> Tensor:
    if not bool((sigmas.diff() < 0).all()):
        raise ValueError("the levels of a sampling grid must decrease")
    options = {"noise_sampler": noise} if "noise_sampler" in inspect.signature(sampler).parameters else {}
    x = sampler(model, x, sigmas, disable=True, **options)
    if float(sigmas[-1]) > 0:
        x = model(x, sigmas[-1].to(x).expand(len(x)))
    return x
