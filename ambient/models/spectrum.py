r"""Preconditioning by what the second moments of noisy images tell: the linear estimate, and a network for the rest.

EDM's c_skip x_t is the best linear estimate of white data. Images are not white, and their spectrum is known from noisy
images too, since noise adds the same to all of it. In an orthonormal basis u_k (cosines of the pixels, times the
principal directions of the channels), with s_k^2 the variance of clean images about their mean along u_k,

    D(y, sigma) = sum_k s_k^2 / (s_k^2 + sigma^2) u_k u_k^T y + c_out(sigma) F(c_in y, c_noise),
    c_out^2 = mean_k s_k^2 sigma^2 / (s_k^2 + sigma^2),

the Wiener filter and, in c_out, its own error: F starts where linear filtering ends, at every level. One s for all
k is EDM's preconditioning (Karras et al. 2022). From N noisy images, z_k = <u_k, x_n - mean>,

    s_k^2 = mean z_k^2 - mean sigma_n^2,     standard error about (2 / N)^(1/2) mean z_k^2.

Where that is not three standard errors above zero it is replaced by the mean of its 5x5 neighbours, whose error is five
times as small, and by no less than that error: variance that cannot be told from noise is not declared to be none.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ambient.denoisers import EDMDenoiser
from ambient.process import Level, as_level, per_sample

SIGNIFICANT = 3.0
"""Standard errors above zero from which a variance is taken as it is."""
NEIGHBOURS = 5
"""Side of the square of neighbouring frequencies that replace the others."""


class SpectralDenoiser(EDMDenoiser):
    """The Wiener filter of a spectrum, and a network for what it leaves.

    As made, all variances are sigma_data^2, and it is `EDMDenoiser`.

    Args:
        network: As of `EDMDenoiser`.
        channels: Channels of the images.
        side: Their side.
        sigma_data: Standard deviation of the clean images about their mean, > 0.

    Attributes:
        turn: Principal directions of the channels, (C, C), a column each.
        variance: s_k^2, (C, H, W): of these directions, and of cosines by frequency.
    """

    def __init__(self, network: nn.Module, channels: int, side: int, sigma_data: float = 0.5) -> None:
        super().__init__(network, sigma_data)
        self.turn = nn.Buffer(torch.eye(channels))
        self.variance = nn.Buffer(torch.full((channels, side, side), sigma_data**2))
        self.cosines = nn.Buffer(cosines(side).float(), persistent=False)

    def forward(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """E[X_0 | X_t] for x_t (B, C, H, W) at any level with alpha > 0 and sigma > 0."""
        level = as_level(level).on(x_t)
        _, _, c_in, c_noise = self.preconditioning(level)
        y, noise = x_t / per_sample(level.alpha, x_t), per_sample(level.ratio**2, x_t)
        variance = self.variance.to(x_t)
        c_out = (variance * noise / (variance + noise)).flatten(1).mean(1).sqrt()
        output: Tensor = self.network(per_sample(c_in, x_t) * x_t, c_noise.to(x_t.dtype), **condition)
        return self.linear(y, level.ratio) + per_sample(c_out, x_t) * output

    @torch.no_grad()
    def learn(self, x: Tensor, sigma: Tensor) -> None:
        """Take the spectrum of noisy images.

        Args:
            x: About their mean, (N, C, H, W).
            sigma: Their noise levels, () or (N,).
        """
        turn, variance = spectrum(x, sigma)
        self.turn.copy_(turn)
        self.variance.copy_(variance)

    def linear(self, x_t: Tensor, sigma: Tensor) -> Tensor:
        """The Wiener filter alone, (B, C, H, W), of images about their mean at levels sigma, () or (B,)."""
        variance = self.variance.to(x_t)
        noise = sigma.to(x_t).reshape(-1, 1, 1, 1) ** 2
        return self._back(variance / (variance + noise) * self._coefficients(x_t))

    def _coefficients(self, y: Tensor) -> Tensor:
        cosines, turn = self.cosines.to(y), self.turn.to(y)
        return cosines @ torch.einsum("bchw,cd->bdhw", y, turn) @ cosines.mT

    def _back(self, z: Tensor) -> Tensor:
        cosines, turn = self.cosines.to(z), self.turn.to(z)
        return torch.einsum("bdhw,cd->bchw", cosines.mT @ z @ cosines, turn)


def cosines(side: int) -> Tensor:
    """The orthonormal cosines of `side` pixels (DCT-II), (side, side) float64, one a row by frequency."""
    place = torch.arange(side, dtype=torch.float64)
    basis = torch.cos(math.pi / side * place[:, None] * (place + 0.5)) * math.sqrt(2 / side)
    basis[0] /= math.sqrt(2)
    return basis


def spectrum(x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Principal directions of the channels, (C, C), and the clean images' variances s_k^2 > 0, (C, H, W), float64.

    Args:
        x: Noisy images about their mean, (N, C, H, H), N >= 2.
        sigma: Their noise levels, () or (N,).
    """
    x = x.double()
    noise = float(sigma.double().square().mean())
    turn = torch.linalg.eigh(torch.einsum("bchw,bdhw->cd", x, x))[1]
    basis = cosines(x.shape[-1]).to(x)
    total = (basis @ torch.einsum("bchw,cd->bdhw", x, turn) @ basis.mT).square().mean(0)
    error = total * math.sqrt(2 / len(x))
    own = total - noise
    mean, number = _neighbours(own)
    least = (error / number.sqrt()).clamp(min=torch.finfo(torch.float32).tiny)
    return turn, torch.where(own > SIGNIFICANT * error, own, torch.maximum(mean, least))


def _neighbours(values: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over the neighbours inside the spectrum, itself among them, and how many they are, (C, H, W) each."""
    kernel = values.new_ones(1, 1, NEIGHBOURS, NEIGHBOURS)
    both = torch.stack([values, torch.ones_like(values)]).flatten(0, 1)[:, None]
    total, number = functional.conv2d(both, kernel, padding=NEIGHBOURS // 2)[:, 0].unflatten(0, (2, len(values)))
    return total / number, number
