"""The methods that the small experiments compare: what each may see of the data, its objective, and where it stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

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

MethodName = Literal[
    "dsm",
    "hybrid",
    "ambient",
    "masking",
    "weight",
    "redrawn",
    "dropout",
    "held-out",
    "early-stop",
    "paper",
    "ambient+consistency",
]


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        title: For tables and plots.
        objective: Makes the objective from the nature level and the standard deviation sigma_data of the clean data.
        sees: What of the data reaches it: the clean images, their one noisy copy, both, or the images masked.
        levelled: Whether it depends on the nature level.
        stop: Where sampling stops and returns posterior means, as a multiple of the nature level; 0 for clean images.
        multiple: What the batch has to be a multiple of.
        dropout: Whether its network has the dropout that is asked for.
        held_out: Whether it is trained on the images that no other method sees.
    """

    title: str
    objective: Callable[[Level, float], Objective]
    sees: Literal["clean", "noisy", "both", "masked"]
    levelled: bool = True
    stop: float = 0.0
    multiple: int = 1
    dropout: bool = False
    held_out: bool = False

    def samples(
        self, x_0: Tensor, index: Tensor, sigma_nature: float | None, seed: int, hidden: float = 0.5
    ) -> tuple[Samples, Tensor]:
        """The training samples as this method sees them, about their mean image, and that mean, (C, H, W).

        Clean images are dropped where it may not see them; their mean is then estimated from what it sees.

        Args:
            x_0: Clean images, (N, C, H, W).
            index: Their indices in the data set, which decide their noise and their masks.
            sigma_nature: The nature level, > 0; None for a method that has none.
            seed: Seed of the noisy copy and of the masks.
            hidden: Share of the pixels that masking hides.
        """
        if self.sees == "masked":
            mask = fixed_masks(seed, index.tolist(), (1, *x_0.shape[2:]), hidden)
            centre = (mask * x_0).sum(0) / mask.sum(0).clamp(min=1)
            return replace(Samples.of_clean(mask * (x_0 - centre), index), condition={"mask": mask}), centre
        if self.sees == "clean" or sigma_nature is None:
            return Samples.of_clean(x_0, index).centred()
        level = VE().level(sigma_nature)
        return Samples.of_noisy(x_0, level, seed, index, keep_clean=self.sees == "both").centred()


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


METHODS: dict[str, Method] = {
    "dsm": Method("DSM", _dsm, "clean", levelled=False),
    "hybrid": Method("hybrid", _hybrid, "both"),
    "ambient": Method("ambient", _ambient, "noisy"),
    "masking": Method("masking", _masking, "masked", levelled=False),
    "weight": Method("DSM, hybrid's weight", _weight, "clean"),
    "redrawn": Method("hybrid, noise redrawn", _redrawn, "both"),
    "dropout": Method("DSM, dropout", _dropout, "clean", levelled=False, dropout=True),
    "held-out": Method("DSM on held-out images", _dsm, "clean", levelled=False, held_out=True),
    "early-stop": Method("ambient, early stop", _ambient, "noisy", stop=1.0),
    "paper": Method("ambient + P1's consistency", _paper, "noisy"),
    "ambient+consistency": Method("ambient + consistency", recommended, "noisy", stop=0.5, multiple=16),
}
"""By name:

- dsm, DDPM's objective; hybrid, P2's Algorithm 1; ambient, P1's ambient score matching ("noise" in P2's Table 2);
  masking, Ambient Diffusion's further corruption, sampled with fixed masks;
- controls: weight, which has Algorithm 1's weights and none of its missing information; redrawn, whose noise is drawn
  anew in every step; dropout; held-out, what is to be learnt from other images of the same kind;
- early-stop, paper, ambient+consistency: what P1 does below t_n, and the recipe that did best there
  (`ambient.objectives.recommended`).
"""
