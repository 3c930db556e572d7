r"""Dense matrices, as in compressed sensing: y = A x with A of m rows for flattened samples of d numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.linear.operators import Number, Operator, real


@dataclass(frozen=True, eq=False)
class Matrix(Operator):
    """y = A x, (B, m), of flattened samples.

    Attributes:
        rows: A, (1 or N, m, d).
        shape: Of one sample, with d numbers; (d,) by default.

    Raises:
        ValueError: If the matrix is not three-dimensional or does not fit the shape.
    """

    rows: Tensor
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.rows.ndim != 3:
            raise ValueError(f"matrices are (1 or N, m, d), not {tuple(self.rows.shape)}")
        if self.shape and math.prod(self.shape) != self.rows.shape[2]:
            raise ValueError(
                f"samples of {self.shape} have {math.prod(self.shape)} numbers, the matrix {self.rows.shape[2]}"
            )

    def __call__(self, x: Tensor) -> Tensor:
        """A x, (B, m)."""
        return (self.rows.to(x) @ x.flatten(1)[..., None])[..., 0]

    def adjoint(self, y: Tensor) -> Tensor:
        """A^H y in the form of samples, (B, *)."""
        x = (self.rows.to(y).mH @ y[..., None])[..., 0]
        return x.reshape(len(y), *(self.shape or x.shape[1:]))

    def solve(self, y: Tensor, weight: Number, noise: Number, *, tolerance: float = 1e-12) -> Tensor:
        """By dense linear algebra.

        Raises:
            ValueError: If there is no noise and the rows depend on one another.
        """
        rows = self.rows.to(y)
        gram = real(weight, y).reshape(-1, 1, 1) * (rows @ rows.mH)
        eye = torch.eye(rows.shape[1], dtype=y.dtype, device=y.device)
        solution, info = torch.linalg.solve_ex(gram + real(noise, y).reshape(-1, 1, 1) * eye, y[..., None])
        if bool((info > 0).any()):
            raise ValueError(
                "the rows of a matrix depend on one another, and without noise nothing decides: give noise > 0"
            )
        found: Tensor = solution[..., 0]
        return found
