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

    def data_term(self) -> Objective | None:
        """The term above the nature level whose minimiser noisy data alone determine, if there is one.

        The watch for collapse (`ambient.training.collapse`) measures a model by it, on samples as they were observed.
        """
        return None

    def learns_from_itself(self) -> bool:
        """Whether a term takes its targets from the denoiser itself, such as consistency: what the watch is for."""
        return False

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

    def data_term(self) -> Objective | None:
        """That of the first summand which has one."""
        terms = (part.data_term() for _, part in self.parts)
        return next((term for term in terms if term is not None), None)

    def learns_from_itself(self) -> bool:
        """Whether a summand does."""
        return any(part.learns_from_itself() for _, part in self.parts)


@dataclass(frozen=True, eq=False)
class Wrapper(Objective):
    """An objective round another one, which answers for it where the wrapper changes nothing.

    Attributes:
        objective: What is minimised.
    """

    objective: Objective

    def data_term(self) -> Objective | None:
        """That of the objective inside: how it is shown to the network in training does not change what it measures."""
        return self.objective.data_term()

    def learns_from_itself(self) -> bool:
        """Whether the objective inside does."""
        return self.objective.learns_from_itself()


def _parts(objective: Objective) -> tuple[tuple[float, Objective], ...]:
    return objective.parts if isinstance(objective, Sum) else ((1.0, objective),)
