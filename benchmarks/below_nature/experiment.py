"""Below the nature level: how near each method comes to E[X_0 | X_t] from noisy data alone.

Every method trains the same network for the same number of updates of the same batch on the same samples, and is judged
against exact answers (`benchmarks.below_nature.measures`). Each (world, method, seed) is a cell with its own
folder and `result.json`; a cell that is there is not computed again, one that was killed goes on from its checkpoint.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor

from ambient.data import Samples
from ambient.runs.files import read_records
from ambient.runs.results import read_results, write_results
from ambient.training import TrainingConfig, train
from benchmarks.below_nature import measures, report
from benchmarks.below_nature.methods import METHODS, Stage
from benchmarks.below_nature.networks import denoiser_of
from benchmarks.below_nature.options import BelowNatureOptions, Budget, MethodName
from theory.worlds import WORLDS, World


def compare(options: BelowNatureOptions) -> None:
    """Compute the missing cells, seed by seed, and report."""
    torch.set_num_threads(options.threads)
    console = Console(width=max(120, Console().width))
    cells: dict[tuple[str, str, int], dict[str, Any]] = {}
    references: dict[str, Tensor] = {}
    for seed in options.seeds:
        for name in options.worlds:
            for method in options.methods:
                folder = options.output / name / method / f"seed{seed}"
                path = folder / "result.json"
                if not path.exists() and options.train:
                    world = WORLDS[name]()
                    if name not in references:
                        references[name] = measures.reference(world, options.samples)
                    write_results(path, compute(world, method, seed, options.budget, references[name], folder))
                    console.print(f"{path} written", highlight=False)
                if path.exists():
                    cells[name, method, seed] = read_results(path)
    report.write(cells, options.output, console)


def compute(
    world: World, method: MethodName, seed: int, budget: Budget, reference: Tensor, folder: Path
) -> dict[str, Any]:
    """Train one cell and judge it.

    Args:
        world: Where.
        method: How.
        seed: Which repetition.
        budget: Updates, batch and learning rate.
        reference: `measures.reference` of the world.
        folder: Where the stages of the training go.

    Returns:
        The measures of the samples, under "stop" those of early stopping, and what the training took.
    """
    start = time.perf_counter()
    stages = METHODS[method](world, world.samples(seed, budget.steps * budget.batch))
    seconds = time.perf_counter() - start
    denoiser = denoiser_of(world.mixture.dimension, world.sigma_data, seed)
    for number, stage in enumerate(stages):
        part = folder / f"stage{number}"
        config = TrainingConfig(
            steps=round(stage.share * budget.steps),
            batch=budget.batch,
            learning_rate=budget.learning_rate,
            warmup=100,
            clip=5.0,
            seed=1000 * number + seed,
            log_every=500,
            checkpoint_every=1000,
        )
        samples = _data(world, stage, seed, budget.steps * budget.batch, denoiser)
        train(denoiser, stage.objective, samples, config, part, accelerator=Accelerator(cpu=True), progress=_silent)
        seconds += read_records(part / "log.jsonl")[-1]["seconds"]
    result = {"full": measures.evaluate(denoiser, world, reference), "seconds": seconds, "steps": budget.steps}
    if method in ("ambient", "antithetic"):
        result["stop"] = measures.evaluate(denoiser, world, reference, stop=True)
    return result


def _data(world: World, stage: Stage, seed: int, images: int, denoiser: torch.nn.Module) -> Samples:
    """What a stage trains on: the clean samples, the noisy ones, or what the stage before makes of them."""
    samples = world.samples(seed, images, clean=stage.data == "clean")
    if stage.data != "denoised":
        return samples
    with torch.no_grad():
        means = [denoiser(rows, samples.nature.on(rows)) for rows in torch.split(samples.x, 8192)]
    return Samples.of_clean(torch.cat(means))


def _silent(images: int, loss: float) -> None:
    """There is no progress bar: the cells are short and many."""
