"""The methods that are compared in exact worlds: what each is trained on, in stages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ambient.data import Samples
from ambient.levels import LogNormal, UniformTime
from ambient.objectives import (
    SURE,
    AmbientScoreMatching,
    Consistency,
    DenoisingScoreMatching,
    EDMWeight,
    Objective,
    Occasional,
    PlainWeight,
    SecondOrderTweedie,
    Subsampled,
    paper_consistency,
    recommended,
)
from ambient.objectives.base import Sum
from ambient.objectives.recommended import FEW_DIMENSIONS
from ambient.posterior.particles import fit_particles
from ambient.process import VP
from benchmarks.below_nature.options import MethodName
from theory.worlds import World

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


def _oracle(world: World, samples: Samples) -> list[Stage]:
    return [Stage(DenoisingScoreMatching(_levels(), EDMWeight(world.sigma_data)), data="clean")]


def _ambient(world: World) -> AmbientScoreMatching:
    return AmbientScoreMatching(_levels(), EDMWeight(world.sigma_data))


def _rollout_em(world: World) -> Sum:
    recipe = recommended(world.nature, world.sigma_data, stream=world.size is None)
    assert isinstance(recipe, Sum)
    return recipe


def _antithetic(world: World) -> Objective:
    """The first part of the recipe with rollouts."""
    return _rollout_em(world).parts[0][1]


def _ambient_only(world: World, samples: Samples) -> list[Stage]:
    return [Stage(_ambient(world))]


def _antithetic_only(world: World, samples: Samples) -> list[Stage]:
    return [Stage(_antithetic(world))]


def _rollout_em_only(world: World, samples: Samples) -> list[Stage]:
    return [Stage(_rollout_em(world))]


def _particles(world: World, samples: Samples) -> list[Stage]:
    particles = fit_particles(samples.x, samples.nature)
    return [Stage(recommended(world.nature, world.sigma_data, particles=particles))]


def _recommended(world: World, samples: Samples) -> list[Stage]:
    few = world.mixture.dimension <= FEW_DIMENSIONS
    return _particles(world, samples) if few else [Stage(_rollout_em(world))]


def _paper(world: World, samples: Samples) -> list[Stage]:
    times = UniformTime(VP(), T_MAX)
    return [Stage(AmbientScoreMatching(times, PlainWeight()) + paper_consistency(VP(), T_MAX))]


def _paper_weighted(world: World, samples: Samples) -> list[Stage]:
    return [Stage(_ambient(world) + paper_consistency(VP(), T_MAX, weight=EDMWeight(world.sigma_data)))]


def _paper_code(world: World, samples: Samples) -> list[Stage]:
    weight = EDMWeight(world.sigma_data)
    return [Stage(_ambient(world) + Consistency(steps=1, gradient="through", fixed_anchor=False, weight=weight))]


def _rollout_consistency(world: World, samples: Samples) -> list[Stage]:
    anchor, weight = _antithetic(world), EDMWeight(world.sigma_data)
    return [Stage(anchor, 0.5), Stage(anchor + Subsampled(Consistency(weight=weight), 2), 0.5)]


def _two_stage_sure(world: World, samples: Samples) -> list[Stage]:
    weight = EDMWeight(world.sigma_data)
    return [Stage(SURE(weight), 0.5), Stage(DenoisingScoreMatching(_levels(), weight), 0.5, "denoised")]


def _second_order(world: World, samples: Samples) -> list[Stage]:
    levels = LogNormal(math.log(world.sigma_n / 2), 1.0)
    below = SecondOrderTweedie(levels, EDMWeight(world.sigma_data))
    return [Stage(_antithetic(world) + 0.3 * Occasional(below, 4))]


METHODS: dict[MethodName, Callable[[World, Samples], list[Stage]]] = {
    "oracle": _oracle,
    "ambient": _ambient_only,
    "antithetic": _antithetic_only,
    "paper": _paper,
    "paper, weighted": _paper_weighted,
    "paper-code": _paper_code,
    "rollout-consistency": _rollout_consistency,
    "two-stage-sure": _two_stage_sure,
    "second-order": _second_order,
    "rollout-em": _rollout_em_only,
    "particles": _particles,
    "recommended": _recommended,
}
"""Stages of each method in a world, for the noisy samples of a run.

oracle               denoising score matching on the clean versions of the same samples
ambient              P1's ambient score matching; below t_n the network extrapolates, or sampling stops there
antithetic           the same by antithetic pairs
paper                P1 eq. 3.6 as printed: times uniform in VP time as in A.6, weights and lambda 1, the gradient
                     through everything
paper, weighted      the same with EDM's weight 1 / c_out^2 on both terms and its levels above t_n
paper-code           the same with P1's released choices: x' = x_n, sigma'' ~ sigma_n U(0, 1), one step
rollout-consistency  antithetic anchor, then consistency from x_n over six ancestral steps, half of the updates each
two-stage-sure       Aali et al. 2023: SURE at t_n, then denoising score matching on E[X_0 | X_n]
second-order         antithetic anchor and Gaussian posteriors below t_n
rollout-em           antithetic anchor and re-centred online EM over rollouts of the model
particles            online EM on exact posterior samples of a law fitted to the noisy samples (`posterior.particles`)
recommended          `ambient.objectives.recommended`: particles in 2 dimensions, rollout-em above
"""
