"""What an objective is, what it returns, and how objectives add up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.process import Level
from ambient.randomness import Draws


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss per sample.

    Attributes:
        per_sample: What is minimised in the mean, (B,).
        terms: The same by name, before any factor, each (B,), for the log.
        level: The levels at which the first term was taken, (B,): what a report of a failure needs.
    """

    per_sample: Tensor
    terms: Mapping[str, Tensor]
    level: Level


class Objective(ABC):
    """A training objective; `a + b` and `2.0 * a` are objectives too."""

    @abstractmethod
    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss of `denoiser` on `batch`, all randomness taken from `draws`."""

    def __add__(self, other: Objective) -> Objective:
        return Sum((*_parts(self), *_parts(other)))

    def __rmul__(self, factor: float) -> Objective:
        return Sum(tuple((factor * f, part) for f, part in _parts(self)))


@dataclass(frozen=True)
class Sum(Objective):
    """A weighted sum of objectives, evaluated in order.

    Attributes:
        parts: Pairs (factor, objective).
    """

    parts: tuple[tuple[float, Objective], ...]

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        losses = [(factor, part(denoiser, batch, draws)) for factor, part in self.parts]
        total = sum((factor * loss.per_sample for factor, loss in losses[1:]), losses[0][0] * losses[0][1].per_sample)
        terms: dict[str, Tensor] = {}
        for _, loss in losses:
            if repeated := terms.keys() & loss.terms.keys():
                raise ValueError(f"two summands log the same term {sorted(repeated)[0]!r}: give one another name")
            terms |= loss.terms
        return Loss(total, terms, losses[0][1].level)


def _parts(objective: Objective) -> tuple[tuple[float, Objective], ...]:
    return objective.parts if isinstance(objective, Sum) else ((1.0, objective),)
