"""How good posterior samples of few reverse steps are, when the denoiser is exact.

From noisy samples of a world, each rule draws X_0 given X_n with the exact denoiser; the table gives the energy
distance (times 1000) between what it draws and the clean samples behind the noisy ones, and the spread around the
posterior mean as a ratio to the true one. What is left is the bias of the rule, which online EM would learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import torch
from rich.console import Console
from torch import Tensor

from ambient import kernels
from ambient.posterior.rollout import PosteriorRollout
from ambient.randomness import Draws
from ambient.runs.results import write_results
from ambient.runs.tables import rich_table
from benchmarks.below_nature.measures import energy_distance
from theory.worlds import WORLDS

Rule = Literal["posterior mean", "second-order Tweedie", "ancestral", "Euler-Maruyama", "ancestral, order 2"]


ONE_STEP: tuple[Rule, ...] = ("posterior mean", "second-order Tweedie")
"""Rules that take no reverse steps."""


def report(worlds: Sequence[str], steps: Sequence[int], samples: int, folder: Path) -> None:
    """Print one table a world, and write all figures to `rollouts.json` in `folder`.

    Args:
        worlds: Of `theory.worlds`.
        steps: Numbers of reverse steps.
        samples: Noisy samples of each world.
        folder: Where the figures go.
    """
    figures: dict[str, dict[str, list[float]]] = {}
    for name in worlds:
        lines = [["rule", "steps", "exED", "spread / true"]]
        figures[name] = {}
        for rule in get_args(Rule):
            for number in (1,) if rule in ONE_STEP else steps:
                energy, spread = judge(name, rule, number, samples)
                lines.append([rule, str(number), f"{energy:.2f}", f"{spread:.2f}"])
                figures[name][f"{rule}, {number}"] = [energy, spread]
        Console().print(rich_table(f"{name}: exact denoiser", lines))
    write_results(folder / "rollouts.json", figures)


def judge(name: str, rule: Rule, steps: int, n: int) -> tuple[float, float]:
    """Energy distance times 1000 and ratio of spreads of one rule in one world, from n samples."""
    world = replace(WORLDS[name](), size=None)
    x_0, batch = world.draw(n, 5), world.samples(5, n).batch(torch.arange(n))
    mean = world.mixture.posterior_mean(batch.x, world.nature)
    draws = Draws.of_step(0, 0)
    drawn: Tensor
    if rule == "posterior mean":
        drawn = mean
    elif rule == "second-order Tweedie":
        eigenvalues, vectors = torch.linalg.eigh(world.mixture.posterior_covariance(batch.x, world.nature))
        noise = draws.normal(mean)[..., None]
        drawn = mean + (vectors @ (eigenvalues.clamp(min=0).sqrt()[..., None] * (vectors.mT @ noise)))[..., 0]
    else:
        kernel = kernels.euler_maruyama if rule == "Euler-Maruyama" else kernels.ancestral
        rollout = PosteriorRollout(steps, order=2 if rule == "ancestral, order 2" else 1, kernel=kernel)
        drawn = rollout(world.mixture.denoiser, batch, mean, draws)
    spread = float((drawn - mean).square().sum() / (x_0 - mean).square().sum()) ** 0.5
    return 1e3 * energy_distance(drawn, x_0), spread
