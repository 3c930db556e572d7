r"""How far a denoiser, and what it generates, lie from a world's exact answers.

Relative error at a level: E|h - h*|^2 / E|X_t - h*|^2 over the exact law of X_t; the identity scores 1.

Distances between laws, for samples x and y:

    energy distance      2 E|X - Y| - E|X - X'| - E|Y - Y'|     (Szekely and Rizzo 2013)
    sliced Wasserstein   (mean over directions of W_2^2 of the projections)^(1/2)

Both compare what a method generates with what the exact denoiser generates from the same noise on the same grid, so
that neither the finite number of samples nor the error of the sampler counts against a method. x_i and y_i then share
their noise; the energy distance is estimated from the pairs i != j, which are independent, and so without bias.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ambient import karras
from ambient.denoisers import Denoiser
from ambient.process import VE
from ambient.sampling import generate
from theory.worlds import World

MULTIPLES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
"""The levels of the relative errors, in units of sigma_n."""

SIGMA_MIN, SIGMA_MAX, SAMPLER_STEPS = 0.01, 20.0, 24


def relative_error(denoiser: Denoiser, world: World, sigma: float, n: int = 8192, seed: int = 101) -> float:
    """E|h - h*|^2 / E|X_t - h*|^2 at the variance-exploding level `sigma`, over n fresh samples of X_t."""
    level = VE().level(sigma)
    source = torch.Generator().manual_seed(seed)
    x_0 = world.draw(n, seed)
    x_t = level.perturb(x_0, torch.randn(x_0.shape, generator=source))
    exact = world.mixture.posterior_mean(x_t, level)
    with torch.no_grad():
        error = denoiser(x_t, level) - exact
    return float(error.square().sum() / (x_t - exact).square().sum())


def energy_distance(x: Tensor, y: Tensor, chunk: int = 2048) -> float:
    """The unbiased estimate (it may be negative) of the energy distance of samples x and y, (N, d) each.

    x_i may depend on y_i, but not on y_j; the less x_i - y_i varies, the less does the estimate.
    """

    def mean(a: Tensor, b: Tensor) -> float:
        total = sum(float(torch.cdist(rows, b).sum(dtype=torch.float64)) for rows in torch.split(a, chunk))
        return (total - float((a - b).norm(dim=1).sum(dtype=torch.float64))) / (len(a) * (len(a) - 1))

    return 2 * mean(x, y) - mean(x, x) - mean(y, y)


def sliced_wasserstein(x: Tensor, y: Tensor, directions: int = 128, seed: int = 0) -> float:
    """The sliced 2-Wasserstein distance of two sets of equally many samples, (N, d), over random directions."""
    if x.shape != y.shape:
        raise ValueError(f"sliced Wasserstein compares equally many samples, got {tuple(x.shape)} and {tuple(y.shape)}")
    theta = torch.randn(x.shape[1], directions, generator=torch.Generator().manual_seed(seed)).to(x)
    theta = theta / theta.norm(dim=0)
    return float(((x @ theta).sort(0).values - (y @ theta).sort(0).values).square().mean().sqrt())


def samples(denoiser: Denoiser, world: World, n: int, *, stop: bool = False, seed: int = 107) -> Tensor:
    """n samples of a denoiser by Heun steps; with `stop`, posterior means of those at the nature level."""
    sigmas = karras.karras_sigmas(SAMPLER_STEPS, SIGMA_MIN, SIGMA_MAX)
    if stop:
        sigmas = karras.truncate(sigmas, world.sigma_n)
    shape = (world.mixture.dimension,)
    return torch.cat(list(generate(denoiser, range(n), shape, sigmas, seed=seed, batch=4096)))


def reference(world: World, n: int) -> Tensor:
    """What the exact denoiser generates: the n samples, (n, d), that methods are compared with."""
    return samples(world.mixture.denoiser, world, n)


def evaluate(denoiser: Denoiser, world: World, exact: Tensor, *, stop: bool = False) -> dict[str, float]:
    """Relative errors by multiple of sigma_n ("error 0.125", ...), "energy" (times 1000) and "sliced".

    Args:
        denoiser: What to judge.
        world: Where.
        exact: `reference(world, n)`.
        stop: Generate by stopping at the nature level.
    """
    errors = {f"error {m:g}": relative_error(denoiser, world, m * world.sigma_n) for m in MULTIPLES}
    x = samples(denoiser, world, len(exact), stop=stop)
    return errors | {"energy": 1e3 * energy_distance(x, exact), "sliced": sliced_wasserstein(x, exact)}
