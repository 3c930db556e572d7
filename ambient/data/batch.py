"""What is known of some training samples: the form in which data reach an objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ambient.process import Level


@dataclass(frozen=True, eq=False)
class Batch:
    """What is known of some training samples.

    Attributes:
        x: The samples as they were observed, X_n, (B, *).
        nature: The level they were observed at, () or (B,); sigma = 0 for clean data.
        index: Their indices in the data set, (B,) int64.
        clean: The clean samples X_0, (B, *), where the method may use them below the nature level; else None.
        condition: Keyword arguments of the denoiser, each (B, *).
    """

    x: Tensor
    nature: Level
    index: Tensor
    clean: Tensor | None = None
    condition: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Batch:
        """Some of the samples: a slice, or indices (M,), which may repeat."""
        clean = None if self.clean is None else self.clean[rows]
        condition = {name: values[rows] for name, values in self.condition.items()}
        return Batch(self.x[rows], self.nature[rows], self.index[rows], clean, condition)
