"""An objective on a share of the batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ambient.denoisers import Denoiser
from ambient.objectives.base import Batch, Loss, Objective
from ambient.randomness import Draws


@dataclass(frozen=True)
class Subsampled(Objective):
    """`objective` on every `every`-th sample of the batch, at 1 / every of its cost.

    The values stand for their neighbours too, so the batch mean and its gradient are unbiased, for batches that are a
    multiple of `every`.

    Attributes:
        objective: What to evaluate.
        every: >= 1; the batch must be a multiple of it.
    """

    objective: Objective
    every: int = 2

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample, (B,), constant over each stretch of `every` samples.

        Raises:
            ValueError: If the batch is not a multiple of `every`.
        """
        if len(batch) % self.every:
            raise ValueError(f"a batch of {len(batch)} is not a multiple of {self.every}: change one of them")
        few = self.objective(denoiser, batch[:: self.every], draws)
        rows = torch.arange(len(batch)) // self.every
        terms = {name: values[rows] for name, values in few.terms.items()}
        return Loss(few.per_sample[rows], terms, few.level[rows])
