"""What an update costs, relative to ambient score matching alone: all methods in one run, in turn, on one thread.

Objectives are timed as they are in `benchmarks.below_nature`, on its multilayer perceptron and on the convolutional
U-Net of the toy experiments. The figure is the mean over the repetitions of a forward and backward pass and Adam: a
mean and not a median, since the recommended recipe does more in one update of four.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from ambient.data import Batch
from ambient.denoisers import EDMDenoiser
from ambient.models.networks import SmallUNet
from ambient.objectives import Objective
from ambient.randomness import Draws
from ambient.runs.results import write_results
from ambient.runs.tables import rich_table
from benchmarks.below_nature.methods import METHODS
from benchmarks.below_nature.networks import denoiser_of
from benchmarks.below_nature.options import MethodName
from theory.worlds import World, easy, stream32

LIMIT = 1.7
"""What the recommended recipe may cost."""
_UNTIMED = 3


@dataclass(frozen=True, eq=False)
class Setting:
    """What updates are timed on.

    Attributes:
        network: Makes the denoiser.
        world: Gives nature level and scale; a law fitted to noisy samples is fitted to 60,000 of its own.
        shape: Of one sample.
        batch: Samples an update.
    """

    network: Callable[[], nn.Module]
    world: World
    shape: tuple[int, ...]
    batch: int


def settings() -> dict[str, Setting]:
    """The four networks, by title."""
    return {
        "MLP 3 x 128, 2-D, batch 512": Setting(lambda: denoiser_of(2, 0.9, 0), easy(), (2,), 512),
        "MLP 3 x 192, 32-D, batch 512": Setting(lambda: denoiser_of(32, 0.75, 0), stream32(), (32,), 512),
        "conv U-Net, 8 x 8, batch 64": Setting(_unet, stream32(), (1, 8, 8), 64),
        "conv U-Net, 32 x 32, batch 64": Setting(_unet, stream32(), (1, 32, 32), 64),
    }


def report(methods: Sequence[MethodName], repetitions: int, folder: Path) -> None:
    """Print the cost of each method over that of ambient score matching, and write it to `cost.json` in `folder`."""
    lines = [["network", "ambient", *methods]]
    figures = {}
    for title, setting in settings().items():
        seconds = measure(setting, ("ambient", *methods), repetitions)
        ratios = {name: value / seconds["ambient"] for name, value in seconds.items()}
        milliseconds = 1e3 * seconds["ambient"]
        figures[title] = {"milliseconds": milliseconds, **ratios}
        lines.append([title, f"1 ({milliseconds:.1f} ms)", *(f"{ratios[name]:.2f}" for name in methods)])
    title = f"cost of an update / ambient only (limit for the recommended recipe: {LIMIT})"
    Console().print(rich_table(title, lines))
    write_results(folder / "cost.json", figures)


def measure(setting: Setting, methods: Sequence[MethodName], repetitions: int) -> dict[str, float]:
    """Mean seconds of an update by method; the methods take turns, so that a busy machine slows all alike.

    Args:
        setting: Network and samples.
        methods: Of each, the objective of its last stage is timed.
        repetitions: Timed updates of each.
    """
    x = torch.randn(setting.batch, *setting.shape, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, setting.world.nature, torch.arange(setting.batch))
    noisy = setting.world.samples(0, 60_000)
    updates = {
        name: _Update(setting.network(), METHODS[name](setting.world, noisy)[-1].objective, batch) for name in methods
    }
    times: dict[str, list[float]] = {name: [] for name in methods}
    for step in range(_UNTIMED + repetitions):
        for name, update in updates.items():
            start = time.perf_counter()
            update(step)
            if step >= _UNTIMED:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.mean(values) for name, values in times.items()}


class _Update:
    """One method's updates."""

    def __init__(self, denoiser: nn.Module, objective: Objective, batch: Batch) -> None:
        self.denoiser, self.objective, self.batch = denoiser, objective, batch
        self.adam = torch.optim.Adam(denoiser.parameters(), lr=1e-4, fused=True)

    def __call__(self, step: int) -> None:
        loss = self.objective(self.denoiser, self.batch, Draws.of_step(0, step))
        torch.autograd.backward(loss.per_sample.mean())
        self.adam.step()
        self.adam.zero_grad()


def _unet() -> nn.Module:
    torch.manual_seed(0)
    return EDMDenoiser(SmallUNet(), 0.75)
