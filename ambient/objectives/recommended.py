r"""The recipe for E[X_0 | X_t] at every level from noisy data alone that did best in `benchmarks.below_nature`.

    antithetic ambient pairs at and above t_n                 (half of the batch, two evaluations each)
    + 0.3 x online EM below t_n                               (in a quarter of the updates)

with posterior samples by six second-order multistep reverse steps from x_n, four for each observed sample, re-centred
at h(x_n, t_n), each used at four levels. Nothing is stored, nothing is staged: one objective, from the first step on.

In one or two dimensions the posterior samples need no model: `ambient.posterior.particles` draws them from a law
fitted to the noisy samples once, and the recipe is denoising score matching on these at every level. There the errors
of a network below t_n, fed back to it, are what limits the first form.

No setting needs clean data. The nature level is known; every level scale is a multiple of it; sigma_data follows from
the noisy samples, `sigma_data_of`, since Var X_n = alpha_n^2 Var X_0 + sigma_n^2."""

from __future__ import annotations

import math

from torch import Tensor

from ambient.levels import LogNormal
from ambient.objectives.antithetic import AntitheticAmbient, AntitheticWeight
from ambient.objectives.base import Objective, Sum
from ambient.objectives.expectation_maximisation import OnlineEM
from ambient.objectives.weights import EDMWeight
from ambient.objectives.wrappers.subsampled import Occasional, Subsampled
from ambient.posterior.particles import Particles
from ambient.process import Level

FEW_DIMENSIONS = 2
"""Up to here particles cover the space; they do not in 8 dimensions, and between was not measured."""


def recommended(
    nature: Level, sigma_data: float, *, stream: bool = False, particles: Particles | None = None
) -> Objective:
    """Ambient score matching above t_n and online EM below it, for batches that are multiples of 16.

    Args:
        nature: t_n, one level for all samples, sigma > 0.
        sigma_data: Standard deviation of the clean data, for instance `sigma_data_of(x_n, nature)`.
        stream: Whether no sample is seen more than a few times. Pairs then come as near as sigma_n / 20, which
            a network would overfit on a finite set, and EM trains a narrow range of levels about sigma_n / 4.
        particles: In few dimensions, `fit_particles(x_n, nature)`: then the objective is online EM on their posterior
            samples, at every level.

    Raises:
        ValueError: If the data are clean.
    """
    ratio = float(nature.ratio)
    if not ratio > 0:
        raise ValueError("the data are clean: there is nothing below the nature level; use DenoisingScoreMatching")
    if particles is not None:
        return OnlineEM(particles, LogNormal(-1.2, 1.5), EDMWeight(sigma_data), reuse=2, group=1, everywhere=True)
    weight = AntitheticWeight(sigma_data)
    near = AntitheticAmbient(LogNormal(-0.5, 1.5), 0.05, weight)
    above = near if stream else AntitheticAmbient(weight=weight)
    levels = LogNormal(math.log(ratio / 4), 0.4) if stream else LogNormal(math.log(ratio / 2), 1.0)
    below = OnlineEM(levels=levels, weight=EDMWeight(sigma_data))
    return Sum(((1.0, Subsampled(above, 2)), (0.3, Occasional(below, 4))))


def sigma_data_of(x_n: Tensor, nature: Level) -> float:
    """The standard deviation of the clean data from noisy samples, over all coordinates.

    Args:
        x_n: Samples (N, *) at level `nature`, one for all.
        nature: t_n.

    Raises:
        ValueError: If the samples vary less than the noise alone would: then `nature` is not their level.
    """
    centred = x_n.double() - x_n.double().mean(0)
    variance = (float(centred.square().mean()) - float(nature.sigma) ** 2) / float(nature.alpha) ** 2
    if not variance > 0:
        raise ValueError(
            f"the samples have variance {float(centred.square().mean()):.4g}, no more than the noise's "
            f"{float(nature.sigma) ** 2:.4g}: the nature level is too high for them"
        )
    return math.sqrt(variance)
