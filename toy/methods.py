"""The methods that the small experiments compare: what each may see of the data, its objective, and where it stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ambient.data import Samples
from ambient.objectives import (
    AmbientScoreMatching,
    DenoisingScoreMatching,
    EDMWeight,
    Hybrid,
    Objective,
    paper_consistency,
    recommended,
)
from ambient.process import VE, VP

MethodName = Literal["dsm", "hybrid", "ambient", "early-stop", "paper", "ambient+consistency"]


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        title: For tables and plots.
        objective: Makes the objective for samples and a standard deviation sigma_data of the clean data.
        sees: What of the data reaches it: the clean images, their one noisy copy, or both.
        stop: Whether sampling stops at t_n and returns posterior means.
        multiple: What the batch has to be a multiple of.
    """

    title: str
    objective: Callable[[Samples, float], Objective]
    sees: Literal["clean", "noisy", "both"]
    stop: bool = False
    multiple: int = 1

    def samples(self, x_0: Tensor, index: Tensor, sigma_nature: float | None, seed: int) -> Samples:
        """The training samples as this method sees them; clean ones are dropped where it may not.

        Args:
            x_0: Clean images, (N, C, H, W).
            index: Their indices in the data set, which decide their noise.
            sigma_nature: The nature level, > 0; None for clean data.
            seed: Seed of the noisy copy.
        """
        if sigma_nature is None:
            return Samples.of_clean(x_0, index)
        return Samples.of_noisy(x_0, VE().level(sigma_nature), seed, index, keep_clean=self.sees == "both")


def _dsm(samples: Samples, sigma_data: float) -> Objective:
    return DenoisingScoreMatching(weight=EDMWeight(sigma_data))


def _hybrid(samples: Samples, sigma_data: float) -> Objective:
    return Hybrid(weight=EDMWeight(sigma_data))


def _ambient(samples: Samples, sigma_data: float) -> Objective:
    return AmbientScoreMatching(weight=EDMWeight(sigma_data))


def _paper(samples: Samples, sigma_data: float) -> Objective:
    consistency = paper_consistency(VP(), t_max=0.999, weight=EDMWeight(sigma_data))
    return _ambient(samples, sigma_data) + consistency


def _recommended(samples: Samples, sigma_data: float) -> Objective:
    return recommended(samples.nature, sigma_data)


METHODS: dict[str, Method] = {
    "dsm": Method("DSM", _dsm, "clean"),
    "hybrid": Method("hybrid", _hybrid, "both"),
    "ambient": Method("ambient", _ambient, "noisy"),
    "early-stop": Method("ambient, early stop", _ambient, "noisy", stop=True),
    "paper": Method("ambient + P1's consistency", _paper, "noisy"),
    "ambient+consistency": Method("ambient + consistency", _recommended, "noisy", multiple=16),
}
"""By name: DSM (DDPM's objective), P2's Algorithm 1, P1's ambient score matching with the whole chain and stopped at
t_n, P1's consistency (eq. 3.6), and the recipe that did best below t_n (`ambient.objectives.recommended`)."""
