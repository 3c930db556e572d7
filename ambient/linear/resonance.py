r"""Magnetic resonance imaging: a scanner measures lines of the Fourier transform, through one or several coils.

    Fourier      y = M F x                      F the orthonormal transform with the zero frequency in the middle
    MultiCoil    y_c = M F (S_c x)              S_c the sensitivity of coil c, (1 or N, coils, H, W)
    AsComplex    two channels (Re, Im) of a network's image as one complex channel

For complex images A A^H of one coil is the mask itself; for real ones it couples each frequency with its mirror.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.linear.operators import Number, Operator, real
from ambient.process import per_sample


@dataclass(frozen=True, eq=False)
class Fourier(Operator):
    """Part of the orthonormal Fourier transform; y is complex, of the shape of x, with zeros where unmeasured.

    Attributes:
        mask: 1 where a frequency is measured, (1 or N, 1, H, W) or (1 or N, 1, 1, W) for whole lines; the zero
            frequency is at (H // 2, W // 2).
        real_images: Whether samples are real; False for complex ones.
    """

    mask: Tensor
    real_images: bool = True

    def __call__(self, x: Tensor) -> Tensor:
        """M F x, complex (B, C, H, W)."""
        y = transform(x)
        return self.mask.to(y.real) * y

    def adjoint(self, y: Tensor) -> Tensor:
        """F^H M y; its real part, if the samples are real."""
        x = inverse_transform(self.mask.to(y.real) * y)
        return x.real if self.real_images else x

    def solve(self, y: Tensor, weight: Number, noise: Number, *, tolerance: float = 1e-12) -> Tensor:
        """In closed form for complex images, by conjugate gradients for real ones."""
        if self.real_images:
            return super().solve(y, weight, noise, tolerance=tolerance)
        below = per_sample(real(noise, y), y.real) + per_sample(real(weight, y), y.real) * self.mask.to(y.real).square()
        return torch.where(below > 0, y / below.clamp(min=torch.finfo(below.dtype).tiny), 0)


@dataclass(frozen=True, eq=False)
class MultiCoil(Operator):
    """y_c = M F (S_c x) for complex images x, (B, 1, H, W); y is (B, coils, H, W).

    Attributes:
        mask: As of `Fourier`.
        maps: Sensitivities S_c, complex (1 or N, coils, H, W).
    """

    mask: Tensor
    maps: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """The measurements of all coils."""
        y = transform(self.maps.to(x) * x)
        return self.mask.to(y.real) * y

    def adjoint(self, y: Tensor) -> Tensor:
        """Sum over the coils of conj(S_c) F^H M y_c, (B, 1, H, W)."""
        images = inverse_transform(self.mask.to(y.real) * y)
        return (self.maps.to(y).conj() * images).sum(1, keepdim=True)


@dataclass(frozen=True, eq=False)
class AsComplex(Operator):
    """(B, 2, H, W) real, the real and the imaginary part, as (B, 1, H, W) complex."""

    def __call__(self, x: Tensor) -> Tensor:
        """The complex image."""
        return torch.complex(x[:, :1].contiguous(), x[:, 1:].contiguous())

    def adjoint(self, y: Tensor) -> Tensor:
        """Real and imaginary part."""
        return torch.cat([y.real, y.imag], 1)


def transform(x: Tensor) -> Tensor:
    """The orthonormal Fourier transform over the last two dimensions, zero frequency in the middle."""
    shifted = torch.fft.ifftshift(x, dim=(-2, -1))
    y: Tensor = torch.fft.fftshift(torch.fft.fft2(shifted, norm="ortho"), dim=(-2, -1))
    return y


def inverse_transform(y: Tensor) -> Tensor:
    """Its inverse, which is its adjoint."""
    shifted = torch.fft.ifftshift(y, dim=(-2, -1))
    x: Tensor = torch.fft.fftshift(torch.fft.ifft2(shifted, norm="ortho"), dim=(-2, -1))
    return x
