r"""Noise that depends on the brightness, made white: the generalised Anscombe transform and its exact unbiased inverse.

Photons: a pixel of clean value x is seen as

    y = black + gain P + std N,      P ~ Poisson(lambda),  lambda = (x - black) / gain,  N ~ N(0, 1),

so its variance is gain (x - black) + std^2. With s = std / gain and k = (y - black) / gain,

    f(k) = 2 sqrt(max(k + 3/8 + s^2, 0))

has a variance of about 1 at all lambda that are not small (Anscombe 1948; Murtagh, Starck and Bijaoui 1995). What is
denoised there, D = E[f(K) | lambda], cannot be brought back by inverting f, since f is not linear: that is biased where
counts are few. The exact unbiased inverse is I : E[f(K) | lambda] -> lambda (Makitalo and Foi, "Optimal inversion of
the generalized Anscombe transformation for Poisson-Gaussian noise", IEEE TIP 22, 2013). It is tabulated here from

    E[f(K) | lambda] = sum_p lambda^p e^-lambda / p!  g(p),      g(p) = E[f(p + s N)],

and with u = sqrt(k + 3/8 + s^2), dk = 2 u du, the integral of g has no root left in it:

    g(p) = int_0^inf 2 u phi((u^2 - 3/8 - s^2 - p) / s) 2 u du / s.

Beyond the table, where lambda is large, E[f(K) | lambda] is expanded about m = lambda + 3/8 + s^2 in central moments,

    E sqrt(m + d) = sqrt(m) (1 - mu_2/(8 m^2) + mu_3/(16 m^3) - 5 mu_4/(128 m^4) + 7 mu_5/(256 m^5)
                             - 21 mu_6/(1024 m^6)),

and solved for lambda. Makitalo and Foi's closed form,

    I(D) ~ D^2/4 + sqrt(3/2)/(4 D) - 11/(8 D^2) + 5 sqrt(3/2)/(8 D^3) - 1/8 - s^2,

is off by up to 0.05 counts, and stands here for comparison.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_LARGEST = 1000.0
"""lambda up to which the inverse is tabulated."""
_POINTS = 1200
_NODES = 80


@dataclass(frozen=True)
class PoissonGaussian:
    """Poisson-Gaussian noise of images.

    Attributes:
        gain: Value of one count, above 0: with images in [-1, 1], n counts at white are gain 2 / n.
        std: Standard deviation of the Gaussian part, in units of the images, at least 0.
        black: Value of the images at no light.
    """

    gain: float
    std: float = 0.0
    black: float = -1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.gain) and self.gain > 0):
            raise ValueError(f"gain must be a finite number above 0, got {self.gain}")
        if not (math.isfinite(self.std) and self.std >= 0):
            raise ValueError(f"std must be a finite number of at least 0, got {self.std}")
        if not math.isfinite(self.black):
            raise ValueError(f"black must be finite, got {self.black}")

    @property
    def relative_std(self) -> float:
        """s = std / gain."""
        return self.std / self.gain

    def variance(self, clean: Tensor) -> Tensor:
        """Variance of the noise at clean values, of any shape."""
        return self.gain * (clean - self.black).clamp_min(0) + self.std**2

    def forward(self, images: Tensor) -> Tensor:
        """f: noisy images of any shape, in their units, to values whose noise has a variance of about 1."""
        return forward((images - self.black) / self.gain, self.relative_std)

    def inverse(self, denoised: Tensor) -> Tensor:
        """The exact unbiased inverse: means of transformed pixels, of any shape, to clean values of the images."""
        return exact_inverse(denoised, self.relative_std) * self.gain + self.black


def forward(counts: Tensor, s: float) -> Tensor:
    """f(k) = 2 sqrt(max(k + 3/8 + s^2, 0)), of any shape."""
    return 2 * (counts + 3 / 8 + s**2).clamp_min(0).sqrt()


def exact_inverse(denoised: Tensor, s: float) -> Tensor:
    """I: D = E[f(K) | lambda] to lambda, of any shape; 0 for values below that of lambda = 0."""
    table_d, table_lambda = _table(s)
    d = denoised.detach().cpu().double().numpy()
    inside = np.interp(d, table_d, table_lambda - _algebraic(table_d, s)) + _algebraic(d, s)
    found = np.where(d <= table_d[0], 0.0, np.where(d < table_d[-1], inside, _many_counts(d, s)))
    return torch.from_numpy(np.asarray(found)).to(denoised)


def closed_form_inverse(denoised: Tensor, s: float) -> Tensor:
    """Makitalo and Foi's approximation of I, of any shape, for D above 0; good where counts are many."""
    return torch.from_numpy(np.asarray(_closed_form(denoised.double().numpy(), s))).to(denoised)


def expectation(rates: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    """E[f(K) | lambda] at rates lambda, (L,), for the relative standard deviation s: (L,)."""
    from scipy.stats import poisson

    rates = np.asarray(rates, dtype=np.float64)
    largest = rates.max(initial=0.0)
    p = np.arange(int(largest + 12 * math.sqrt(largest + 1) + 30))
    values = _gaussian_mean(p.astype(np.float64), s)
    found = np.empty_like(rates)
    for i, rate in enumerate(rates):  # the few counts that can occur at each rate
        reach = 12 * math.sqrt(rate + 1) + 25
        low, high = max(0, int(rate - reach)), min(len(p), int(rate + reach) + 1)
        found[i] = poisson.pmf(p[low:high], rate) @ values[low:high]
    return found


def _gaussian_mean(p: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    """g(p) = E[f(p + s N)], by Gauss-Legendre quadrature over u within nine standard deviations."""
    shift = 3 / 8 + s**2
    if s == 0:
        return np.asarray(2 * np.sqrt(p + shift))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    low = np.sqrt(np.maximum(p + shift - 9 * s, 0))[:, None]
    high = np.sqrt(np.maximum(p + shift + 9 * s, 0))[:, None]
    u = low + (high - low) * (nodes + 1) / 2
    density = np.exp(-(((u**2 - shift - p[:, None]) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi))
    return np.asarray(((high - low) / 2 * weights * 2 * u * density * 2 * u).sum(1))


@cache
def _table(s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """D and lambda, growing, (P,) each; evenly spaced in the cube root of lambda."""
    rates = np.linspace(0, _LARGEST ** (1 / 3), _POINTS) ** 3
    return expectation(rates, s), rates


def _algebraic(d: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    """The inverse of f itself: what the table is stored relative to, since the difference is smooth."""
    return d**2 / 4 - 3 / 8 - s**2


def _many_counts(d: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    """The inverse by the expansion in moments, for D of many counts."""
    d = np.maximum(d, 2 * math.sqrt(_LARGEST / 2 + s**2))
    m = d**2 / 4
    for _ in range(4):  # each gains a factor of about m
        rate = m - 3 / 8 - s**2
        two = rate + s**2
        four, five, six = 3 * two**2 + rate, 10 * rate * two + rate, 15 * two**3 + 25 * two * rate + 10 * rate**2
        series = 1 - two / (8 * m**2) + rate / (16 * m**3) - 5 * four / (128 * m**4)
        series = series + 7 * five / (256 * m**5) - 21 * six / (1024 * m**6)
        m = (d / 2 / series) ** 2
    return np.asarray(m - 3 / 8 - s**2)


def _closed_form(d: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    d = np.maximum(d, 1e-3)
    root = math.sqrt(3 / 2)
    return np.asarray(d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8 - s**2)
