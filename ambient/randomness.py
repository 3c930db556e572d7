"""Random numbers as functions of keys, never of what ran before.

Every stream has a purpose and is a function of its keys:

    nature      the fixed noise of a training image               (seed, sample index)
    training    a step's levels and noise                         (seed, step)
    order       the order of the samples in an epoch              (seed, epoch)
    sampling    a generated image, drawn step after step          (seed, image index)
    attack      what an attack adds to an image                   (seed, image index)
    crop        where a piece of an image lies                    (seed, row)
    subset      which of many samples are looked at               (seed, ...)
    split       what is trained on and what is held out           (seed, ...)

Of a training step each process keeps the rows of its own samples. So nothing depends on the order of the work, the
number of processes, the batch size or a resume, and no two purposes share numbers under one seed. Numbers are drawn on
the CPU, so they are the same on every device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Purpose = Literal["nature", "training", "sampling", "order", "subset", "split", "attack", "crop", "tails"]
"""What random numbers are for; see the module."""
_PURPOSES: dict[Purpose, int] = {
    "nature": 1,
    "training": 2,
    "sampling": 3,
    "order": 4,
    "subset": 5,
    "split": 6,
    "attack": 7,
    "crop": 8,
    "tails": 9,
}


def generator(purpose: Purpose, *keys: int) -> torch.Generator:
    """A CPU generator seeded by its purpose and any non-negative integers, through numpy's SeedSequence.

    Raises:
        ValueError: If a key is negative.
    """
    seed = np.random.SeedSequence([_PURPOSES[purpose], *map(int, keys)]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(seed[0]) << 32 | int(seed[1]))


def permutation(n: int, purpose: Purpose, *keys: int) -> Tensor:
    """A permutation of 0..n-1 that depends on the keys only, (n,) int64."""
    return torch.randperm(n, generator=generator(purpose, *keys))


@dataclass
class Draws:
    """The random numbers of one training step for one process.

    Each call draws for the whole global batch and keeps the rows of this process, so that the processes of a run
    together use exactly the numbers that one process would.

    Attributes:
        source: Generator of the step.
        rank: This process.
        world: Number of processes; each holds an equal, contiguous share of the batch.
    """

    source: torch.Generator
    rank: int = 0
    world: int = 1

    @classmethod
    def of_step(cls, seed: int, step: int, rank: int = 0, world: int = 1) -> Draws:
        """The draws of training step `step` under `seed`."""
        return cls(generator("training", seed, step), rank, world)

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal noise of the shape, dtype and device of `like`, (B, *)."""
        rows = len(like)
        full = torch.randn(rows * self.world, *like.shape[1:], dtype=like.dtype, generator=self.source)
        return full[self.rank * rows : (self.rank + 1) * rows].to(like.device)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers in (0, 1), one for each sample of `like`, (B,) float64."""
        rows = len(like)
        full = torch.rand(rows * self.world, dtype=torch.float64, generator=self.source)
        full = full.clamp(min=torch.finfo(torch.float64).tiny)
        return full[self.rank * rows : (self.rank + 1) * rows].to(like.device)


@dataclass
class IndexedNoise:
    """A stream of standard normal noise for each image index; row i depends on (seed, indices[i]) alone.

    Attributes:
        seed: Non-negative seed.
        indices: Non-negative image indices.
        shape: Shape of one image.
        dtype: Of the noise.
        device: Where the noise goes.
        purpose: What the noise is for.
    """

    seed: int
    indices: Sequence[int]
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"
    purpose: Purpose = "sampling"
    _sources: list[torch.Generator] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._sources = [generator(self.purpose, self.seed, int(i)) for i in self.indices]

    def __call__(self, *_sigmas: Tensor) -> Tensor:
        """The next draw, (len(indices), *shape); the arguments of a `noise_sampler` are ignored."""
        rows = [torch.randn(self.shape, dtype=self.dtype, generator=source) for source in self._sources]
        return torch.stack(rows).to(self.device)

    def normal(self, like: Tensor) -> Tensor:
        """The next draw, in the dtype and on the device of `like`: what a rollout asks its source of noise."""
        return self().to(like)
