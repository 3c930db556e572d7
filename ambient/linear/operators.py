r"""Linear operators on batches of samples, one for all or one for each.

An operator A maps samples x, (B, *), to measurements y, (B, *), and knows its adjoint with respect to the real inner
product, Re <A x, y> = Re <x, A^H y>, and the solution z of

    (noise I + weight A A^H) z = y,

on which every posterior with Gaussian measurements rests: for x_0 ~ N(m, r^2 I) and y = A x_0 + sigma_y N,

    E[x_0 | y] = m + r^2 A^H (sigma_y^2 I + r^2 A A^H)^{-1} (y - A m).

Where A A^H is diagonal in some basis there is a closed form, otherwise conjugate gradients. Everything is
differentiable. Parameters that are stored with a leading dimension of 1 belong to all samples, with N to one each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from ambient.linear.solving import conjugate_gradients
from ambient.process import per_sample

Number = Tensor | float
"""One for all samples, or (B,)."""


@dataclass(frozen=True, eq=False)
class Operator(ABC):
    """A, one for all samples or one for each."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """A x of samples (B, *)."""

    @abstractmethod
    def adjoint(self, y: Tensor) -> Tensor:
        """A^H y of measurements (B, *), in the form of samples."""

    def normal(self, x: Tensor) -> Tensor:
        """A^H A x."""
        return self.adjoint(self(x))

    def solve(self, y: Tensor, weight: Number, noise: Number, *, tolerance: float = 1e-12) -> Tensor:
        """(noise I + weight A A^H)^{-1} y.

        Args:
            y: (B, *).
            weight: Prior variance r^2 > 0, one for all or (B,).
            noise: sigma_y^2 >= 0, one for all or (B,). With 0 the solution of least norm, where there is one.
            tolerance: Relative residual, where conjugate gradients are used.
        """

        def matrix(z: Tensor) -> Tensor:
            return scaled(noise, z) + scaled(weight, self(self.adjoint(z)))

        return conjugate_gradients(matrix, y, tolerance=tolerance)[0]

    def __getitem__(self, rows: Any) -> Self:
        """The operators of some samples; one that belongs to all stays as it is."""

        def take(value: Any) -> Any:
            if isinstance(value, Tensor):
                return value if len(value) == 1 else value[rows]
            return value[rows] if isinstance(value, Operator) else value

        return replace(self, **{field.name: take(getattr(self, field.name)) for field in fields(self)})

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""

        def move(value: Any) -> Any:
            return value.to(device) if isinstance(value, Tensor | Operator) else value

        return replace(self, **{field.name: move(getattr(self, field.name)) for field in fields(self)})


@dataclass(frozen=True, eq=False)
class Identity(Operator):
    """A = I: what is measured is the sample, with noise."""

    def __call__(self, x: Tensor) -> Tensor:
        """x itself."""
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        """y itself."""
        return y

    def solve(self, y: Tensor, weight: Number, noise: Number, *, tolerance: float = 1e-12) -> Tensor:
        """y / (noise + weight)."""
        return scaled(1 / (real(noise, y) + real(weight, y)), y)


@dataclass(frozen=True, eq=False)
class Compose(Operator):
    """A = outer inner.

    Attributes:
        outer: Applied last.
        inside: Applied first.
    """

    outer: Operator
    inside: Operator

    def __call__(self, x: Tensor) -> Tensor:
        """outer(inside(x))."""
        return self.outer(self.inside(x))

    def adjoint(self, y: Tensor) -> Tensor:
        """inside^H outer^H y."""
        return self.inside.adjoint(self.outer.adjoint(y))


def real(value: Number, y: Tensor) -> Tensor:
    """A number of the real precision of `y`."""
    return torch.as_tensor(value, dtype=y.real.dtype, device=y.device)


def scaled(value: Number, y: Tensor) -> Tensor:
    """`value`, one for all or (B,), times samples (B, *), which may be complex."""
    return per_sample(real(value, y), y.real) * y
