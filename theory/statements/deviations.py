"""Denoisers beside the optimal one, and objectives as exact expectations.

With them "the minimiser of J is h*" becomes J(h* + d) - J(h*) = E (w d)^2 for every deviation d.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ambient.denoisers import Denoiser
from ambient.objectives import (
    Loss,
)
from ambient.process import Level
from theory.mixture import GaussianMixture

Deviation = Callable[[Tensor], Tensor]

DEVIATIONS: tuple[Deviation, ...] = (
    lambda x: 0.3 * (1.3 * x + 0.4).sin(),
    lambda x: 0.5 - 0.2 * x,
    lambda x: 0.1 * x**2 - 0.4 * (0.7 * x).cos(),
)
"""Smooth functions of x_t that are added to the optimal denoiser."""


def deviated(law: GaussianMixture, delta: Deviation | None) -> Denoiser:
    """The optimal denoiser of `law` plus `delta`."""

    def denoiser(x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        h = law.denoiser(x_t, level)
        return h if delta is None else h + delta(x_t)

    return denoiser


@dataclass(frozen=True, eq=False)
class At:
    """The distribution of training levels that has all its mass at one level.

    Attributes:
        level: That level, ().
    """

    level: Level

    def draw(self, u: Tensor, above: Level | None = None, below: Level | None = None) -> Level:
        """The level, for each of the uniform numbers u, (B,)."""
        return self.level.expand(len(u))


def expectation(loss: Loss, weights: Tensor) -> float:
    """The mean of the per-sample losses under the weights of a quadrature rule, (B,)."""
    return float(weights @ loss.per_sample.double())
