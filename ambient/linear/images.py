r"""Masks, blur and downsampling of images (B, C, H, W).

Mask         y = M x                          A A^H = M^2
Blur         y = k * x (circular or valid)    A A^H = F^H |k^|^2 F, when circular
Downsample   y = means of f x f blocks        A A^H = I / f^2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ambient.linear.operators import Number, Operator, real
from ambient.process import per_sample


@dataclass(frozen=True, eq=False)
class Mask(Operator):
    """Pixels that are seen; y has the shape of x, with zeros where nothing was measured.

    Attributes:
        mask: 1 where a pixel is seen and 0 where it is not, or any weights: (1 or N, *) that broadcasts to x, for
            instance (N, 1, H, W) for all colours together.
    """

    mask: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """M x."""
        return self.mask.to(x) * x

    def adjoint(self, y: Tensor) -> Tensor:
        """M y."""
        return self.mask.to(y) * y

    def solve(self, y: Tensor, weight: Number, noise: Number, *, tolerance: float = 1e-12) -> Tensor:
        """y / (noise + weight M^2), and 0 where that is 0 / 0."""
        return _divided(y, per_sample(real(noise, y), y), per_sample(real(weight, y), y), self.mask.to(y).square())


@dataclass(frozen=True, eq=False)
class Blur(Operator):
    """Convolution with a kernel.

    Attributes:
        kernel: (1 or N, h, w) with h and w odd; the middle is where a pixel stays.
        edges: "circular": the image goes on at its other side, y as large as x; "valid": only pixels whose whole
            neighbourhood is in the image, y of (H - h + 1, W - w + 1), as a photograph of something larger.

    Raises:
        ValueError: If the kernel has even sides or not three dimensions.
    """

    kernel: Tensor
    edges: Literal["circular", "valid"] = "circular"

    def __post_init__(self) -> None:
        if self.kernel.ndim != 3 or any(side % 2 == 0 for side in self.kernel.shape[1:]):
            raise ValueError(f"a blur's kernel is (1 or N, h, w) with odd sides, not {tuple(self.kernel.shape)}")

    def __call__(self, x: Tensor) -> Tensor:
        """k * x."""
        if self.edges == "circular":
            return self._filtered(x, self._spectrum(x))
        flat = x.reshape(1, -1, *x.shape[-2:])
        blurred = functional.conv2d(flat, self._kernels(x).flip(-2, -1), groups=flat.shape[1])
        return blurred.reshape(*x.shape[:2], *blurred.shape[-2:])

    def adjoint(self, y: Tensor) -> Tensor:
        """Correlation with k."""
        if self.edges == "circular":
            return self._filtered(y, self._spectrum(y).conj())
        flat = y.reshape(1, -1, *y.shape[-2:])
        spread = functional.conv_transpose2d(flat, self._kernels(y).flip(-2, -1), groups=flat.shape[1])
        return spread.reshape(*y.shape[:2], *spread.shape[-2:])

    def solve(self, y: Tensor, weight: Number, noise: Number, *, tolerance: float = 1e-12) -> Tensor:
        """In Fourier space when circular; conjugate gradients otherwise."""
        if self.edges != "circular":
            return super().solve(y, weight, noise, tolerance=tolerance)
        spectrum = torch.fft.rfft2(y)
        power = self._spectrum(y).abs().square()
        divided = _divided(spectrum, per_sample(real(noise, y), y), per_sample(real(weight, y), y), power)
        solution: Tensor = torch.fft.irfft2(divided, s=y.shape[-2:])
        return solution

    def _spectrum(self, x: Tensor) -> Tensor:
        """Transform of the kernel on the image's grid, (1 or N, 1, H, W // 2 + 1)."""
        height, width = self.kernel.shape[1:]
        if height > x.shape[-2] or width > x.shape[-1]:
            raise ValueError(f"a kernel of {height}x{width} is larger than images of {x.shape[-2]}x{x.shape[-1]}")
        padded = functional.pad(self.kernel.to(x), (0, x.shape[-1] - width, 0, x.shape[-2] - height))
        centred = padded.roll((-(height // 2), -(width // 2)), (-2, -1))
        spectrum: Tensor = torch.fft.rfft2(centred)
        return spectrum[:, None]

    def _filtered(self, x: Tensor, spectrum: Tensor) -> Tensor:
        filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(x) * spectrum, s=x.shape[-2:])
        return filtered

    def _kernels(self, x: Tensor) -> Tensor:
        """One kernel for each channel of each sample, (B C, 1, h, w)."""
        kernel = self.kernel.to(x).expand(len(x), -1, -1)
        return kernel.repeat_interleave(x.shape[1], 0)[:, None]


@dataclass(frozen=True, eq=False)
class Downsample(Operator):
    """Means of blocks of factor x factor pixels, side by side.

    Attributes:
        factor: >= 1; it must divide the sides of the images.
    """

    factor: int

    def __call__(self, x: Tensor) -> Tensor:
        """(B, C, H / factor, W / factor).

        Raises:
            ValueError: If the sides are no multiples of the factor.
        """
        if x.shape[-2] % self.factor or x.shape[-1] % self.factor:
            raise ValueError(f"images of {x.shape[-2]}x{x.shape[-1]} have no whole blocks of {self.factor}")
        return functional.avg_pool2d(x, self.factor)

    def adjoint(self, y: Tensor) -> Tensor:
        """Each value on its whole block, divided by factor^2."""
        spread = y.repeat_interleave(self.factor, -2).repeat_interleave(self.factor, -1)
        return spread / self.factor**2

    def solve(self, y: Tensor, weight: Number, noise: Number, *, tolerance: float = 1e-12) -> Tensor:
        """y / (noise + weight / factor^2)."""
        return y / per_sample(real(noise, y) + real(weight, y) / self.factor**2, y)


def _divided(y: Tensor, noise: Tensor, weight: Tensor, power: Tensor) -> Tensor:
    """y / (noise + weight power); 0 where nothing is measured and there is no noise: the solution of least norm."""
    below = noise + weight * power
    return torch.where(below > 0, y / below.clamp(min=torch.finfo(below.dtype).tiny), 0)
