"""The methods that `benchmarks.below_nature` compares: what each is trained on, in stages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ambient.levels import LogNormal
from ambient.objectives import (
    SURE,
    AmbientScoreMatching,
    Consistency,
    DenoisingScoreMatching,
    EDMWeight,
    Objective,
    Occasional,
    SecondOrderTweedie,
    Subsampled,
    paper_consistency,
    recommended,
)
from ambient.process import VP
from benchmarks.worlds import World

T_MAX = 0.999
"""T in the time of the VP process: a noise-to-signal ratio of 22."""


@dataclass(frozen=True)
class Stage:
    """A part of a training run.

    Attributes:
        objective: What is minimised.
        share: Of the updates.
        data: What it sees: "noisy" samples, their "denoised" versions E[X_0 | X_n] by the stage before, or, for the
            oracle, "clean" ones.
    """

    objective: Objective
    share: float = 1.0
    data: Literal["noisy", "denoised", "clean"] = "noisy"


def _levels() -> LogNormal:
    return LogNormal(-1.2, 1.5)


def _oracle(world: World) -> list[Stage]:
    return [Stage(DenoisingScoreMatching(_levels(), EDMWeight(world.sigma_data)), data="clean")]


def _ambient(world: World) -> AmbientScoreMatching:
    return AmbientScoreMatching(_levels(), EDMWeight(world.sigma_data))


def _antithetic(world: World) -> Objective:
    """The first part of the recommended recipe."""
    return recommended(world.nature, world.sigma_data, stream=world.size is None).parts[0][1]


def _paper(world: World) -> list[Stage]:
    return [Stage(_ambient(world) + paper_consistency(VP(), T_MAX, weight=EDMWeight(world.sigma_data)))]


def _paper_code(world: World) -> list[Stage]:
    weight = EDMWeight(world.sigma_data)
    return [Stage(_ambient(world) + Consistency(steps=1, gradient="through", fixed_anchor=False, weight=weight))]


def _rollout_consistency(world: World) -> list[Stage]:
    anchor, weight = _antithetic(world), EDMWeight(world.sigma_data)
    return [Stage(anchor, 0.5), Stage(anchor + Subsampled(Consistency(weight=weight), 2), 0.5)]


def _two_stage_sure(world: World) -> list[Stage]:
    weight = EDMWeight(world.sigma_data)
    return [Stage(SURE(weight), 0.5), Stage(DenoisingScoreMatching(_levels(), weight), 0.5, "denoised")]


def _second_order(world: World) -> list[Stage]:
    levels = LogNormal(math.log(world.sigma_n / 2), 1.0)
    below = SecondOrderTweedie(levels, EDMWeight(world.sigma_data))
    return [Stage(_antithetic(world) + 0.3 * Occasional(below, 4))]


METHODS: dict[str, Callable[[World], list[Stage]]] = {
    "oracle": _oracle,
    "ambient": lambda world: [Stage(_ambient(world))],
    "antithetic": lambda world: [Stage(_antithetic(world))],
    "paper": _paper,
    "paper-code": _paper_code,
    "rollout-consistency": _rollout_consistency,
    "two-stage-sure": _two_stage_sure,
    "second-order": _second_order,
    "recommended": lambda world: [Stage(recommended(world.nature, world.sigma_data, stream=world.size is None))],
}
"""Stages of each method in a world.

oracle               denoising score matching on the clean versions of the same samples
ambient              P1's ambient score matching; below t_n the network extrapolates, or sampling stops there
antithetic           the same by antithetic pairs
paper                P1 eq. 3.6 with the times of A.6 in VP time, lambda = 1, the gradient through everything
paper-code           the same with P1's released choices: x' = x_n, sigma'' ~ sigma_n U(0, 1), one step
rollout-consistency  antithetic anchor, then consistency from x_n over six ancestral steps, half of the updates each
two-stage-sure       Aali et al. 2023: SURE at t_n, then denoising score matching on E[X_0 | X_n]
second-order         antithetic anchor and Gaussian posteriors below t_n
recommended          `ambient.objectives.recommended`
"""
