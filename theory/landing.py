r"""Where the reverse process of an optimum lands: on noisy points, on clean ones, and on which.

The probability-flow ODE in variance-exploding coordinates y = x_t / alpha_t, s = sigma_t / alpha_t is
dy/ds = (y - h(y, s)) / s. Above a nature level s_n the ambient optimum has the score of the noisy points after fresh
noise r = sqrt(s^2 - s_n^2), which is singular like 1/r at s_n, so its grid is a grid in r.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient import karras
from ambient.data.noisy_copy import noisy_copy
from ambient.process import VE
from ambient.randomness import generator
from theory.empirical import EmpiricalDenoiser, HybridOptimum


def grid_to_nature(sigma_n: float, sigma_max: float, steps: int = 60, closeness: float = 1e-3) -> Tensor:
    """Levels from sigma_max down to just above a nature level, `steps` of them, float64.

    Args:
        sigma_n: The nature level, sigma_n / alpha_n, >= 0.
        sigma_max: The first level, above it.
        steps: Number of levels, >= 2.
        closeness: The fresh noise that the last level has above the nature level, > 0.
    """
    fresh = karras.karras_sigmas(steps, closeness, math.sqrt(sigma_max**2 - sigma_n**2))[:-1]
    return (fresh**2 + sigma_n**2).sqrt()


@dataclass(frozen=True, eq=False)
class Landing:
    """What the reverse process of Algorithm 1's full optimum meets, path by path.

    Attributes:
        noisy: Index of the nearest noisy point at t_n, (paths,).
        noisy_distance: Distance to it, (paths,), in units of sigma_n.
        clean: Index of the nearest clean point at the end, (paths,).
        clean_distance: Distance to it, (paths,), in units of the distance between clean points.
    """

    noisy: Tensor
    noisy_distance: Tensor
    clean: Tensor
    clean_distance: Tensor

    @property
    def own(self) -> float:
        """Share of the paths that end on the clean image whose noisy copy they passed."""
        return float((self.noisy == self.clean).double().mean())


def land(
    x_0: Tensor, sigma_n: float, paths: int = 500, *, sigma_max: float = 80.0, steps: int = 60, seed: int = 0
) -> Landing:
    """Run Algorithm 1's full optimum from noise to the end.

    Args:
        x_0: Clean training points, (N, d), float64, N >= 2.
        sigma_n: Nature level, sigma_n / alpha_n > 0.
        paths: Number of paths, each started at N(0, sigma_max^2 I).
        sigma_max: The first level.
        steps: Steps of Heun's method above the nature level, and as many below it.
        seed: Seed of the noisy copy and of the starts.
    """
    nature = VE().level(sigma_n)
    x_n = noisy_copy(x_0, nature, seed, range(len(x_0)))
    optimum = HybridOptimum(EmpiricalDenoiser(x_0), EmpiricalDenoiser(x_n, nature))
    start = torch.randn(paths, x_0.shape[1], dtype=x_0.dtype, generator=generator("sampling", seed))
    above = grid_to_nature(sigma_n, sigma_max, steps, 1e-3 * sigma_n)
    x = karras.sample_heun(optimum, sigma_max * start, above, disable=True)
    noisy_distance, noisy = torch.cdist(x, x_n).min(1)
    below = karras.log_sigmas(steps, 1e-3 * sigma_n, sigma_n)
    below[0] = sigma_n
    x = karras.sample_heun(optimum, x, below, disable=True)
    clean_distance, clean = torch.cdist(x, x_0).min(1)
    apart = torch.pdist(x_0).min()
    return Landing(noisy, noisy_distance / sigma_n, clean, clean_distance / apart)
