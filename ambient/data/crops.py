r"""Random square pieces of images larger than a model: training samples that are cut out when they are needed.

Each image has the same number K of pieces, about `ROWS` in all. Row r of the data set is piece r mod K of image r // K,
and where it lies is a function of (seed, r): so the order of training, which is a permutation of rows, decides
everything, and a run that is stopped goes on bit for bit.

A noisy image has one noise. It is cut, never resized or redrawn, so pieces that overlap share the noise of the pixels
that they share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ambient.data.batch import Batch
from ambient.process import Level
from ambient.randomness import generator
from ambient.runs.files import fingerprint

ROWS = 1 << 20
"""Pieces that a data set has in all, about: more than a short run sees."""


@dataclass(frozen=True, eq=False)
class Crops:
    """Pieces of images, through the interface of `ambient.data.samples.Samples`.

    Attributes:
        images: The observed images, (C, H, W) each, of any sizes of at least `side`.
        nature: The level they were observed at, one for all or one for each, (N,).
        side: Side of a piece.
        seed: Decides where the pieces lie.
        clean: The clean images, where the method may see them; cut as the observed ones are.
        condition: Keyword arguments of the denoiser, (N, *) each, one row for each image.
    """

    images: Sequence[Tensor]
    nature: Level
    side: int
    seed: int = 0
    clean: Sequence[Tensor] | None = None
    condition: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, image in enumerate(self.images):
            if min(image.shape[1:]) < self.side:
                height, width = image.shape[1:]
                raise ValueError(
                    f"image {number} is {width} wide and {height} high: no piece of {self.side}x{self.side} fits in it"
                )

    @property
    def pieces(self) -> int:
        """K, pieces of each image."""
        return max(1, ROWS // len(self.images))

    def __len__(self) -> int:
        return len(self.images) * self.pieces

    def place(self, row: int) -> tuple[int, int, int]:
        """Image, top and left of the piece of a row."""
        number = row // self.pieces
        height, width = self.images[number].shape[1:]
        draws = torch.rand(2, dtype=torch.float64, generator=generator("crop", self.seed, row)).tolist()
        return number, int(draws[0] * (height - self.side + 1)), int(draws[1] * (width - self.side + 1))

    def batch(self, rows: Tensor, device: torch.device | str = "cpu") -> Batch:
        """The pieces at `rows`, (B,), on `device`; their indices are those of the images."""
        places = [self.place(row) for row in rows.tolist()]
        numbers = torch.tensor([number for number, _, _ in places])

        def cut(images: Sequence[Tensor]) -> Tensor:
            pieces = [images[i][:, top : top + self.side, left : left + self.side] for i, top, left in places]
            return torch.stack(pieces).to(device, non_blocking=True)

        condition = {name: values[numbers].to(device) for name, values in self.condition.items()}
        clean = None if self.clean is None else cut(self.clean)
        return Batch(cut(self.images), self.nature[numbers], numbers, clean, condition)

    def fingerprint(self) -> str:
        """SHA-256 of everything a training run can see."""
        where = torch.tensor([self.side, self.seed])
        clean = [] if self.clean is None else self.clean
        return fingerprint(*self.images, self.nature.alpha, self.nature.sigma, where, *clean, *self.condition.values())
