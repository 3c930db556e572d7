"""What each method minimises, and the training samples as it sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from ambient.data import Samples
from ambient.objectives import (
    AmbientScoreMatching,
    DenoisingScoreMatching,
    EDMWeight,
    Hybrid,
    NatureWeight,
    Objective,
    paper_consistency,
    recommended,
)
from ambient.objectives.masked import MaskedScoreMatching, fixed_masks
from ambient.objectives.wrappers.redrawn import Redrawn
from ambient.objectives.wrappers.seeded import Seeded
from ambient.process import VE, VP, Level
from toy.methods import METHODS
from toy.names import MethodName


def samples_of(
    method: MethodName, x_0: Tensor, index: Tensor, sigma_nature: float | None, seed: int, hidden: float = 0.5
) -> tuple[Samples, Tensor]:
    """The training samples as a method sees them, about their mean image, and that mean, (C, H, W).

    Clean images are dropped where it may not see them; their mean is then estimated from what it sees.

    Args:
        method: Which.
        x_0: Clean images, (N, C, H, W).
        index: Their indices in the data set, which decide their noise and their masks.
        sigma_nature: The nature level, > 0; None for a method that has none.
        seed: Seed of the noisy copy and of the masks.
        hidden: Share of the pixels that masking hides.
    """
    sees = METHODS[method].sees
    if sees == "masked":
        mask = fixed_masks(seed, index.tolist(), (1, *x_0.shape[2:]), hidden)
        centre = (mask * x_0).sum(0) / mask.sum(0).clamp(min=1)
        return replace(Samples.of_clean(mask * (x_0 - centre), index), condition={"mask": mask}), centre
    if sees == "clean" or sigma_nature is None:
        return Samples.of_clean(x_0, index).centred()
    level = VE().level(sigma_nature)
    return Samples.of_noisy(x_0, level, seed, index, keep_clean=sees == "both").centred()


def objective_of(method: MethodName, nature: Level, sigma_data: float) -> Objective:
    """What a method minimises, from the nature level and the standard deviation sigma_data of the clean data."""
    return _OBJECTIVES[method](nature, sigma_data)


def _dsm(nature: Level, sigma_data: float) -> Objective:
    return DenoisingScoreMatching(weight=EDMWeight(sigma_data))


def _hybrid(nature: Level, sigma_data: float) -> Objective:
    return Hybrid(weight=EDMWeight(sigma_data))


def _ambient(nature: Level, sigma_data: float) -> Objective:
    return AmbientScoreMatching(weight=EDMWeight(sigma_data))


def _masking(nature: Level, sigma_data: float) -> Objective:
    return MaskedScoreMatching(weight=EDMWeight(sigma_data))


def _weight(nature: Level, sigma_data: float) -> Objective:
    return DenoisingScoreMatching(weight=NatureWeight(nature, EDMWeight(sigma_data)))


def _redrawn(nature: Level, sigma_data: float) -> Objective:
    return Redrawn(_hybrid(nature, sigma_data))


def _dropout(nature: Level, sigma_data: float) -> Objective:
    return Seeded(_dsm(nature, sigma_data))


def _paper(nature: Level, sigma_data: float) -> Objective:
    consistency = paper_consistency(VP(), t_max=0.999, weight=EDMWeight(sigma_data))
    return _ambient(nature, sigma_data) + consistency


_OBJECTIVES: dict[MethodName, Callable[[Level, float], Objective]] = {
    "dsm": _dsm,
    "hybrid": _hybrid,
    "ambient": _ambient,
    "masking": _masking,
    "weight": _weight,
    "redrawn": _redrawn,
    "dropout": _dropout,
    "held-out": _dsm,
    "early-stop": _ambient,
    "paper": _paper,
    "ambient+consistency": recommended,
}
