"""Below the nature level: how near each method comes to E[X_0 | X_t] from noisy data alone.

Every method trains the same network for the same number of updates of the same batch on the same samples, and is judged
against the world's exact answers (`toy.exact.measures`). Each (world, method, seed) is a cell with its own folder and
`result.json`; a cell that is there is not computed again, one that was killed goes on from its checkpoint.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor

from ambient.data import Samples
from ambient.runs.files import read_records, write_json
from ambient.training import TrainingConfig, train
from toy.exact import measures, report
from toy.exact.methods import METHODS, Stage
from toy.exact.networks import denoiser_of
from toy.exact.worlds import WORLDS, World


@dataclass(frozen=True)
class Options:
    """Compare methods below the nature level.

    Attributes:
        worlds: Of easy, hard, fixed8, stream32; see `toy.exact.worlds`.
        methods: See `toy.exact.methods`.
        seeds: Repetitions: other samples, other weights, other noise in training.
        steps: Updates of each method.
        batch: Samples an update, a multiple of 64.
        learning_rate: Peak; with a cosine to 0 in each stage.
        samples: How many are generated and compared.
        threads: Of the CPU.
        output: Where the cells, the table and the plot go.
        train: Compute missing cells; otherwise only print what is there.
    """

    worlds: tuple[str, ...] = ("easy", "fixed8", "stream32")
    methods: tuple[str, ...] = ("oracle", "ambient", "paper", "two-stage-sure", "recommended")
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int = 4000
    batch: int = 512
    learning_rate: float = 4e-3
    samples: int = 8192
    threads: int = 1
    output: Path = Path("runs/below_nature")
    train: bool = True

    def __post_init__(self) -> None:
        for given, known, what in ((self.worlds, WORLDS, "world"), (self.methods, METHODS, "method")):
            if unknown := [name for name in given if name not in known]:
                raise ValueError(f"unknown {what} {unknown[0]!r}; known are {', '.join(known)}")


def main(options: Options) -> None:
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
                    write_json(path, compute(world, method, seed, options, references[name], folder))
                    console.print(f"{path} written", highlight=False)
                if path.exists():
                    cells[name, method, seed] = json.loads(path.read_text())
    report.write(cells, options.output, console)


def compute(world: World, method: str, seed: int, options: Options, reference: Tensor, folder: Path) -> dict[str, Any]:
    """Train one cell and judge it: the measures of the samples, and under "stop" those of early stopping."""
    start = time.perf_counter()
    stages = METHODS[method](world, world.samples(seed, options.steps * options.batch))
    seconds = time.perf_counter() - start
    denoiser = denoiser_of(world.mixture.dimension, world.sigma_data, seed)
    for number, stage in enumerate(stages):
        steps = round(stage.share * options.steps)
        part = folder / f"stage{number}"
        config = TrainingConfig(
            steps, options.batch, options.learning_rate, warmup=100, clip=5.0, seed=1000 * number + seed, log_every=500,
            checkpoint_every=1000,
        )  # fmt: skip
        samples = _data(world, stage, seed, options, denoiser)
        train(denoiser, stage.objective, samples, config, part, accelerator=Accelerator(cpu=True), progress=_silent)
        seconds += read_records(part / "log.jsonl")[-1]["seconds"]
    result = {"full": measures.evaluate(denoiser, world, reference), "seconds": seconds, "steps": options.steps}
    if method in ("ambient", "antithetic"):
        result["stop"] = measures.evaluate(denoiser, world, reference, stop=True)
    return result


def _data(world: World, stage: Stage, seed: int, options: Options, denoiser: torch.nn.Module) -> Samples:
    samples = world.samples(seed, options.steps * options.batch, clean=stage.data == "clean")
    if stage.data != "denoised":
        return samples
    with torch.no_grad():
        means = [denoiser(rows, samples.nature.on(rows)) for rows in samples.x.split(8192)]
    return Samples.of_clean(torch.cat(means))


def _silent(images: int, loss: float) -> None:
    pass
