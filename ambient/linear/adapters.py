r"""Operators of other libraries: any object with `A(x)` and `A_adjoint(y)`, as the physics of deepinv have.

Nothing of theirs is imported. Samples and measurements keep the form that the object gives them; where its adjoint is
only approximate, so is all that rests on it: `adjoint_error` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ambient.linear.operators import Operator
from ambient.linear.solving import inner


class Physics(Protocol):
    """What is asked of the object."""

    def A(self, x: Tensor, **parameters: Any) -> Tensor:
        """A x."""

    def A_adjoint(self, y: Tensor, **parameters: Any) -> Tensor:
        """A^H y."""


@dataclass(frozen=True, eq=False)
class Adapted(Operator):
    """Another library's operator.

    Attributes:
        physics: The object; one for all samples.
    """

    physics: Physics

    def __call__(self, x: Tensor) -> Tensor:
        """A x."""
        return self.physics.A(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """A^H y."""
        return self.physics.A_adjoint(y)


def adapted(physics: object) -> Operator:
    """The operator of `physics`; an `Operator` of ours comes back as it is.

    Raises:
        TypeError: If the object lacks `A` or `A_adjoint`.
    """
    if isinstance(physics, Operator):
        return physics
    missing = [name for name in ("A", "A_adjoint") if not callable(getattr(physics, name, None))]
    if missing:
        raise TypeError(f"{type(physics).__name__} has no {' and no '.join(missing)}: it is no linear operator")
    return Adapted(physics)  # type: ignore[arg-type]  # it has both methods


def adjoint_error(operator: Operator, x: Tensor) -> float:
    """The largest |<A x, v> - <x, A^H v>| / (|A x| |v|) over a batch (B, *), for v = A x and that of its neighbour.

    Args:
        operator: A.
        x: Samples, at least two that differ.
    """
    y = operator(x)
    worst = 0.0
    for v in (y, y.roll(1, 0)):
        scale = (inner(y, y) * inner(v, v)).sqrt().clamp(min=torch.finfo(y.real.dtype).tiny)
        worst = max(worst, float(((inner(y, v) - inner(x, operator.adjoint(v))).abs() / scale).max()))
    return worst
