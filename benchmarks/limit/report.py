"""The relative error of the Bayes estimate, as a table and as `limit.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ambient.runs.results import write_results
from ambient.runs.tables import rich_table
from benchmarks.below_nature.measures import MULTIPLES, relative_error
from benchmarks.limit.gibbs import Chain, bayes_denoiser
from theory.worlds import fixed8


def report(sizes: Sequence[int], seeds: Sequence[int], chain: Chain, folder: Path) -> None:
    """Print the error at each level, for each number of samples and repetition, and write `limit.json` in `folder`.

    Half of a chain is judged too: how far it lies above the whole tells how far the whole may lie above the limit.
    """
    lines = [["samples", "seed", "sweeps", *(f"{m:g} σ_n" for m in MULTIPLES)]]
    figures: dict[str, list[float]] = {}
    for size in sizes:
        world = replace(fixed8(), size=size)
        for seed in seeds:
            drawn = chain.draw(world, seed)
            for part in (drawn[: len(drawn) // 2], drawn):
                h, sweeps = bayes_denoiser(part), len(part) * chain.every
                errors = [relative_error(h, world, m * world.sigma_n) for m in MULTIPLES]
                figures[f"{size} samples, seed {seed}, {sweeps} sweeps"] = errors
                lines.append([str(size), str(seed), str(sweeps), *(f"{error:.3f}" for error in errors)])
            write_results(folder / "limit.json", figures)
    Console().print(rich_table("fixed8: the Bayes estimate", lines))
