r"""Poisson-Gaussian noise in the units of a model: images whose noise is white, at about one level.

A model is trained on, and samples, u = f(k) brought to [-1, 1] by black and white,

    u = 2 (f(k) - f(k_black)) / (f(k_white) - f(k_black)) - 1,      sigma = 2 / (f(k_white) - f(k_black)),

f the generalised Anscombe transform of `anscombe`. The clean image of these units is m(lambda) = E[f(K) | lambda]. The
exact unbiased inverse I is the inverse of m, so it takes a *sample* of clean u to a clean image with no error of its
own. Of a *posterior mean* it is E[u | u_n] that is inverted, and I is convex, I(D) ~ D^2 / 4 + ...: so I(E[m | u_n])
lies below E[lambda | u_n], by a quarter of a count times the posterior variance of m, which is at most about 1 and far
less where the image is known. The mean of inverted posterior samples has no such error.

Where counts are nearly none the noise is weaker than 1 and not Gaussian: its variance there is
(E[f(K)^2] - E[f(K)]^2)(lambda), which is 0 at lambda = 0 without a Gaussian part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ambient.noise.anscombe import PoissonGaussian, exact_inverse, forward


@dataclass(frozen=True)
class Stabilised:
    """The transform of one Poisson-Gaussian noise and its exact unbiased inverse, between images and a model's units.

    Attributes:
        noise: The noise of images in [-1, 1].
    """

    noise: PoissonGaussian

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """f at black (-1) and at white (1)."""
        ends = self.noise.forward(torch.tensor([-1.0, 1.0], dtype=torch.float64)).tolist()
        return ends[0], ends[1]

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise of transformed images."""
        low, high = self._ends
        return 2 / (high - low)

    def forward(self, images: Tensor) -> Tensor:
        """Noisy images in [-1, 1] units, of any shape, in the model's."""
        low, high = self._ends
        values = forward((images.double() - self.noise.black) / self.noise.gain, self.noise.relative_std)
        return (2 * (values - low) / (high - low) - 1).to(images)

    def inverse(self, clean: Tensor) -> Tensor:
        """Clean images in the model's units, of any shape, in [-1, 1]; what is below black becomes black."""
        low, high = self._ends
        counts = exact_inverse(low + (clean.double() + 1) * (high - low) / 2, self.noise.relative_std)
        return (counts * self.noise.gain + self.noise.black).to(clean)
