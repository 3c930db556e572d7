"""What an update costs, relative to ambient score matching alone: all methods in one run, in turn, on one thread.

Objectives are timed as they are in `benchmarks.below_nature`, on its multilayer perceptron and on the convolutional
U-Net of the toy experiments. The figure is the mean over the repetitions of a forward and backward pass and Adam: a
mean and not a median, since the recommended recipe does more in one update of four.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import nn

from ambient.data import Batch
from ambient.denoisers import EDMDenoiser
from ambient.models.networks import SmallUNet
from ambient.objectives import (
    Objective,
)
from ambient.randomness import Draws
from ambient.runs.files import write_json
from toy.exact.methods import METHODS
from toy.exact.networks import denoiser_of
from toy.exact.worlds import World, easy, stream32

LIMIT = 1.7
"""What the recommended recipe may cost."""


@dataclass(frozen=True)
class Options:
    """Time one update of each method.

    Attributes:
        methods: To compare with "ambient".
        repetitions: Timed updates of each, after three that are not.
        threads: Of the CPU.
        output: Where `cost.json` goes.
    """

    methods: tuple[str, ...] = ("paper", "paper-code", "recommended")
    repetitions: int = 48
    threads: int = 1
    output: Path = Path("runs/below_nature")


def main(options: Options) -> None:
    """Print the ratios, and whether the recommended recipe keeps within its limit."""
    torch.set_num_threads(options.threads)
    table = Table(title=f"cost of an update / ambient only (limit for the recommended recipe: {LIMIT})")
    table.add_column("network")
    names = ["ambient", *options.methods]
    for name in names:
        table.add_column(name, justify="right")
    figures = {}
    for network, world, build, shape, batch in (
        ("MLP 3 x 128, 2-D, batch 512", easy(), lambda: denoiser_of(2, 0.9, 0), (2,), 512),
        ("MLP 3 x 192, 32-D, batch 512", stream32(), lambda: denoiser_of(32, 0.75, 0), (32,), 512),
        ("conv U-Net, 8 x 8, batch 64", stream32(), _unet, (1, 8, 8), 64),
        ("conv U-Net, 32 x 32, batch 64", stream32(), _unet, (1, 32, 32), 64),
    ):
        seconds = measure(build, names, world, shape, batch, options.repetitions)
        ratios = {name: seconds[name] / seconds["ambient"] for name in names}
        figures[network] = {"milliseconds": 1e3 * seconds["ambient"], **ratios}
        shown = (f"{ratios[name]:.2f}" for name in options.methods)
        table.add_row(network, f"1 ({1e3 * seconds['ambient']:.1f} ms)", *shown)
    Console().print(table)
    write_json(options.output / "cost.json", figures)


def measure(
    build: Callable[[], nn.Module], names: list[str], world: World, shape: tuple[int, ...], batch: int, repetitions: int
) -> dict[str, float]:
    """Mean seconds of an update by method; the methods take turns, so that a busy machine slows all alike.

    Args:
        build: Makes the network.
        names: Methods; of each, the objective of its last stage.
        world: Gives nature level and scale; a law fitted to noisy samples is fitted to 60,000 of its own.
        shape: Of one sample.
        batch: Samples an update.
        repetitions: Timed updates of each.
    """
    x = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(0))
    samples = Batch(x, world.nature, torch.arange(batch))
    noisy = world.samples(0, 60_000)
    runs = [_Update(build(), METHODS[name](world, noisy)[-1].objective, samples) for name in names]
    times: dict[str, list[float]] = {name: [] for name in names}
    for step in range(3 + repetitions):
        for name, run in zip(names, runs, strict=True):
            start = time.perf_counter()
            run(step)
            if step >= 3:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.mean(values) for name, values in times.items()}


class _Update:
    """One method's updates."""

    def __init__(self, denoiser: nn.Module, objective: Objective, batch: Batch) -> None:
        self.denoiser, self.objective, self.batch = denoiser, objective, batch
        self.adam = torch.optim.Adam(denoiser.parameters(), lr=1e-4, fused=True)

    def __call__(self, step: int) -> None:
        loss = self.objective(self.denoiser, self.batch, Draws.of_step(0, step))
        loss.per_sample.mean().backward()
        self.adam.step()
        self.adam.zero_grad()


def _unet() -> nn.Module:
    torch.manual_seed(0)
    return EDMDenoiser(SmallUNet(), 0.75)


if __name__ == "__main__":
    main(tyro.cli(Options))
