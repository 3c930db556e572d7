r"""Levels per image where the minimiser of the empirical objective is known: Gaussian worlds and linear denoisers.

X_0 ~ N(0, C) in d dimensions, h(x_t, t) = K_t x_t, one matrix a level. With fresh noise averaged over exactly, the loss
of N clean samples at level t is E|K x_t - x_0|^2, and of noisy ones E|(a K + b) x_t - x_n|^2 (P1 eq. 3.2, variance
exploding: a = 1 - sigma_n^2 / sigma_t^2, b = sigma_n^2 / sigma_t^2). With the sample moments S_0 = mean x_0 x_0^T and
S_n = mean x_n x_n^T,

    clean:  K M_0 = S_0,                        M_0 = S_0 + sigma_t^2 I,
    noisy:  a K M_n = S_n - b M_n,              M_n = S_n + (sigma_t^2 - sigma_n^2) I,
    both:   K (p M_0 + q a^2 M_n) = p S_0 + q a (S_n - b M_n),

p and q the weights of the two parts: their shares of the samples times the density of their levels at t, since each
sample draws levels above its own alone. S_0 -> C and S_n -> C + sigma_n^2 I make all three
K* = C (C + sigma_t^2 I)^(-1), whatever p and q. The measure is what the error costs,
E|K x_t - K* x_t|^2 / E|x_0 - K* x_t|^2, over the exact law of x_t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ambient import tweedie
from ambient.process import VE

Design = Literal["half clean", "noisy half", "all noisy"]
DESIGNS: tuple[Design, ...] = ("half clean", "noisy half", "all noisy")
"""See the package."""
MULTIPLES = (0.5, 1.0, 1.25, 2.0, 4.0)
"""Of sigma_n: the levels of the table. At and below it only clean samples say anything."""
PRIOR = (-1.2, 1.2)
"""Mean and standard deviation of ln sigma of the training levels (EDM's)."""


@dataclass(frozen=True)
class GaussianWorld:
    """A law N(0, C), and the noise of its noisy samples.

    Attributes:
        deviations: Square roots of the eigenvalues of C, which is diagonal: for such worlds this is no restriction.
        sigma_n: The nature level.
    """

    deviations: tuple[float, ...] = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05)
    sigma_n: float = 0.4

    @property
    def covariance(self) -> Tensor:
        """C, (d, d) float64."""
        return torch.tensor(self.deviations, dtype=torch.float64).square().diag()

    def moments(self, number: int, seed: int, noisy: bool) -> Tensor:
        """Second moments of `number` samples, (d, d), clean or at the nature level."""
        draws = torch.Generator().manual_seed(seed)
        scale = torch.tensor(self.deviations, dtype=torch.float64)
        x = scale * torch.randn(number, len(scale), generator=draws, dtype=torch.float64)
        if noisy:
            x = x + self.sigma_n * torch.randn(x.shape, generator=draws, dtype=torch.float64)
        return x.T @ x / number

    def best(self, sigma: float) -> Tensor:
        """K*."""
        return minimiser(self.covariance, None, sigma, self.sigma_n, 1.0, 0.0)

    def cost(self, k: Tensor, sigma: float) -> float:
        """E|K x_t - K* x_t|^2 / E|x_0 - K* x_t|^2."""
        best, covariance = self.best(sigma), self.covariance
        total = covariance + sigma**2 * torch.eye(len(covariance), dtype=torch.float64)
        least = (covariance - best @ covariance).trace()
        return float(((k - best) @ total @ (k - best).T).trace() / least)


def minimiser(clean: Tensor | None, noisy: Tensor | None, sigma: float, sigma_n: float, p: float, q: float) -> Tensor:
    """K at a level, from the moments of clean and noisy samples; noisy ones count above their own level only.

    Args:
        clean: S_0, (d, d) float64; None for no clean samples.
        noisy: S_n; None for no noisy ones.
        sigma: sigma_t, > 0.
        sigma_n: Of the noisy ones.
        p: Weight of the clean part.
        q: Of the noisy part.

    Raises:
        ValueError: If no sample says anything about this level.
    """
    given = clean if clean is not None else noisy
    if given is None or (clean is None and sigma <= sigma_n):
        raise ValueError(f"no sample is used at sigma = {sigma:g}: they are noisier, or there are none")
    eye = torch.eye(len(given), dtype=torch.float64)
    left, right = torch.zeros_like(given), torch.zeros_like(given)
    if clean is not None:
        left, right = left + p * (clean + sigma**2 * eye), right + p * clean
    if noisy is not None and sigma > sigma_n:
        nature, level = (VE().level(torch.tensor(value, dtype=torch.float64)) for value in (sigma_n, sigma))
        a, b = tweedie.nature_coefficients(nature, level)
        m = noisy + (sigma**2 - sigma_n**2) * eye
        left, right = left + q * a**2 * m, right + q * a * (noisy - b * m)
    solution: Tensor = torch.linalg.solve(left.T, right.T)
    return solution.T


def weights(design: Design, sigma_n: float) -> tuple[float, float]:
    """p and q: shares of the samples, the noisy ones' divided by the part of the levels that lies above their own."""
    above = float(torch.special.ndtr((PRIOR[0] - torch.tensor(sigma_n).log()) / PRIOR[1]))
    return (0.5, 0.5 / above) if design == "half clean" else (0.0, 1.0)


def costs(world: GaussianWorld, design: Design, number: int, seed: int) -> dict[float, float]:
    """The cost at each multiple of sigma_n where the design says anything, from `number` images in all."""
    half = number // 2
    clean = world.moments(half, 2 * seed, noisy=False) if design == "half clean" else None
    noisy = world.moments(number if design == "all noisy" else half, 2 * seed + 1, noisy=True)
    p, q = weights(design, world.sigma_n)
    levels = [m for m in MULTIPLES if clean is not None or m > 1]
    return {
        m: world.cost(minimiser(clean, noisy, m * world.sigma_n, world.sigma_n, p, q), m * world.sigma_n)
        for m in levels
    }
