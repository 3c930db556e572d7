"""The options of `toy/run.py`, and the cells that they make."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro

from ambient.identity import describe
from toy.data import TRAIN_POOL
from toy.methods import METHODS, MethodName

SamplerName = Literal["heun", "euler", "ancestral"]


@dataclass(frozen=True)
class Options:
    """Train, sample and audit small diffusion models on real images.

    Interrupted? Run the same command again: it goes on where it was.
    """

    data: Literal["digits"] = "digits"
    """The images: scikit-learn's handwritten digits, embedded."""
    methods: tuple[MethodName, ...] = ("dsm", "hybrid")
    """What to compare."""
    images: int = 100
    """Training images."""
    sigma_nature: tuple[float, ...] = (0.4,)
    """Nature level; several make a sweep and the quality-memorisation plot."""
    seeds: tuple[int, ...] = (0,)
    """Splits; each has its own images, noise and network."""
    steps: int = 2000
    """Training steps."""
    batch: int = 64
    """Images a training step."""
    learning_rate: float = 4e-3
    """Peak learning rate of Adam (cosine decay)."""
    samples: int = 1000
    """Images to generate with each model."""
    sampler: SamplerName = "heun"
    """How to sample."""
    sampler_steps: int = 18
    """Levels of the sampling grid, sigma 20 to .01."""
    device: Annotated[str, tyro.conf.arg(name="device")] = "cpu"
    """cpu, cuda or cuda:N."""
    processes: int = 0
    """Models trained at a time; 0: one for each core on the CPU, one on a GPU."""
    output: Path | None = None
    """Folder of the results; runs/<data>-<key of the options> if not given."""

    def check(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: Naming the option, what is wrong with it, and what to do.
        """
        _require(2 <= self.images <= TRAIN_POOL, f"--images {self.images}: digits has 2 to {TRAIN_POOL} to train on")
        for sigma in self.sigma_nature:
            _require(0 < sigma < 20, f"--sigma-nature {sigma:g}: a nature level lies between 0 and 20 (try 0.4)")
        for name in ("methods", "sigma_nature", "seeds"):
            values = getattr(self, name)
            option = name.replace("_", "-")
            _require(len(values) > 0, f"--{option}: name at least one")
            _require(len(set(values)) == len(values), f"--{option} {' '.join(map(str, values))}: one is named twice")
        _require(all(seed >= 0 for seed in self.seeds), "--seeds: a seed is 0 or more")
        for method in self.methods:
            multiple = METHODS[method].multiple
            _require(self.batch % multiple == 0, f"--batch {self.batch}: {method} needs a multiple of {multiple}")
        for name in ("steps", "batch"):
            _require(getattr(self, name) >= 1, f"--{name} {getattr(self, name)}: at least 1")
        _require(self.samples >= 10, f"--samples {self.samples}: the metrics need at least 10")
        _require(self.sampler_steps >= 2, f"--sampler-steps {self.sampler_steps}: at least 2")
        _require(self.learning_rate > 0, f"--learning-rate {self.learning_rate:g}: must be positive")
        _require(self.processes >= 0, f"--processes {self.processes}: 0 or more")
        _check_device(self.device)

    @property
    def identity(self) -> dict[str, object]:
        """The options that decide the results; device, processes and output do not."""
        values = {field.name: describe(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if name not in ("device", "processes", "output")}

    @property
    def folder(self) -> Path:
        """Where the results go."""
        key = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()[:8]
        return self.output or Path("runs") / f"{self.data}-{key}"

    @property
    def workers(self) -> int:
        """Models trained at a time."""
        default = (os.cpu_count() or 1) if self.device == "cpu" else 1
        return min(self.processes or default, len(self.cells()))

    def cells(self) -> list[Cell]:
        """Every model to train; methods that see clean images only do not depend on the nature level."""
        cells = []
        for seed, method in product(self.seeds, self.methods):
            levels = self.sigma_nature if METHODS[method].sees != "clean" else (None,)
            cells += [Cell(method, sigma, seed) for sigma in levels]
        return cells


@dataclass(frozen=True)
class Cell:
    """One model: a method, a nature level (None: clean data) and a split."""

    method: MethodName
    sigma_nature: float | None
    seed: int

    @property
    def row(self) -> str:
        """Title of the cell's row in tables, the same for every split."""
        title = METHODS[self.method].title
        return title if self.sigma_nature is None else f"{title}, σ_n = {self.sigma_nature:g}"

    @property
    def name(self) -> str:
        """Name of the cell's folder."""
        level = "" if self.sigma_nature is None else f"-sigma{self.sigma_nature:g}"
        return f"{self.method}{level}-seed{self.seed}"


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"--device {device}: this machine cannot use it ({first}); try cpu") from error
