"""Training samples in memory, and what any set of samples can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from ambient.data.batch import Batch
from ambient.data.noisy_copy import noisy_copy
from ambient.process import Level, per_sample
from ambient.runs.files import fingerprint


class Data(Protocol):
    """What a model is trained on, wherever it lies."""

    def __len__(self) -> int:
        """Number of samples."""

    def batch(self, rows: Tensor, device: torch.device | str = "cpu") -> Batch:
        """The samples at `rows`, (B,), on `device`."""

    def fingerprint(self) -> str:
        """What identifies everything a training run can see."""


@dataclass(frozen=True, eq=False)
class Samples:
    """A data set as it was observed.

    Attributes:
        x: The observed samples X_n, (N, *).
        nature: The level they were observed at, one for all or one for each, (N,).
        index: Their indices in the whole data set, (N,) int64.
        clean: The clean samples, where the method may see them; None means that nothing in memory is clean.
        condition: Keyword arguments of the denoiser, each (N, *).
    """

    x: Tensor
    nature: Level
    index: Tensor
    clean: Tensor | None = None
    condition: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of_clean(cls, x_0: Tensor, index: Tensor | None = None) -> Samples:
        """Clean samples, (N, *)."""
        return cls(x_0, Level.clean(), torch.arange(len(x_0)) if index is None else index)

    @classmethod
    def of_noisy(
        cls, x_0: Tensor, nature: Level, seed: int, index: Tensor | None = None, keep_clean: bool = False
    ) -> Samples:
        """The one noisy copy of each sample at level `nature`.

        Args:
            x_0: Clean samples in their final form, (N, *).
            nature: The nature level.
            seed: Seed of the copy's noise.
            index: Indices that decide each sample's noise; 0..N-1 by default.
            keep_clean: Also keep the clean samples, for Algorithm 1; otherwise they are dropped here.
        """
        index = torch.arange(len(x_0)) if index is None else index
        return cls(noisy_copy(x_0, nature, seed, index), nature, index, x_0 if keep_clean else None)

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, rows: Tensor, device: torch.device | str = "cpu") -> Batch:
        """The samples at `rows`, (B,), on `device`."""

        def take(values: Tensor) -> Tensor:
            return values[rows].to(device, non_blocking=True)

        clean = None if self.clean is None else take(self.clean)
        condition = {name: take(values) for name, values in self.condition.items()}
        return Batch(take(self.x), self.nature[rows], self.index[rows], clean, condition)

    def centred(self) -> tuple[Samples, Tensor]:
        """The same samples about their mean image, and that mean, (*), as far as these samples tell it.

        Where clean samples may be used it is their mean, else mean(x_n) / alpha_n, which estimates it from noisy ones.
        """
        alpha = per_sample(self.nature.alpha, self.x)
        centre = self.x.mean(0) / alpha if self.clean is None else self.clean.mean(0)
        clean = None if self.clean is None else self.clean - centre
        return replace(self, x=self.x - alpha * centre, clean=clean), centre

    def fingerprint(self) -> str:
        """SHA-256 of everything a training run can see."""
        clean = [] if self.clean is None else [self.clean]
        return fingerprint(self.x, self.nature.alpha, self.nature.sigma, *clean, *self.condition.values())


def in_memory(data: Data, most: int = 512) -> Samples:
    """The data as `Samples`: themselves if they are, else up to `most` of them, evenly spread."""
    if isinstance(data, Samples):
        return data
    rows = torch.linspace(0, len(data) - 1, min(most, len(data))).round().long()
    batch = data.batch(rows)
    return Samples(batch.x, batch.nature, batch.index, batch.clean, batch.condition)
