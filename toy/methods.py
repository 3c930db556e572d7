"""The methods that the small experiments compare: which samples each may see, and its objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ambient.data import Samples
from ambient.objectives import AmbientScoreMatching, DenoisingScoreMatching, Hybrid, Objective
from ambient.objectives.consistency import paper_consistency
from ambient.process import VE, Level

MethodName = Literal["dsm", "hybrid", "ambient", "ambient+consistency"]


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        title: For tables and plots.
        objective: Makes the objective.
        sees: What of the data reaches it: the clean images, their one noisy copy, or both.
    """

    title: str
    objective: Callable[[], Objective]
    sees: Literal["clean", "noisy", "both"]

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
        nature: Level = VE().level(sigma_nature)
        return Samples.of_noisy(x_0, nature, seed, index, keep_clean=self.sees == "both")


def _consistent() -> Objective:
    return AmbientScoreMatching() + paper_consistency(VE(), t_max=3.0)


METHODS: dict[str, Method] = {
    "dsm": Method("DSM", DenoisingScoreMatching, "clean"),
    "hybrid": Method("hybrid", Hybrid, "both"),
    "ambient": Method("ambient", AmbientScoreMatching, "noisy"),
    "ambient+consistency": Method("ambient + consistency", _consistent, "noisy"),
}
