"""An objective on a share of the batch, or of the updates, with the same expected value and gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.objectives.base import Loss, Wrapper
from ambient.randomness import Draws


@dataclass(frozen=True)
class Subsampled(Wrapper):
    """`objective` on every `every`-th sample of the batch, at 1 / every of its cost.

    The values stand for their neighbours too, so the batch mean and its gradient are unbiased, for batches that are a
    multiple of `every`.

    Attributes:
        objective: What to evaluate.
        every: >= 1; the batch must be a multiple of it.
    """

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


@dataclass(frozen=True)
class Occasional(Wrapper):
    """`one_in` times `objective` in a random one of `one_in` updates, and nothing in the others.

    At the cost of `Subsampled`, and of the same variance over many updates; but a network is called with the whole
    batch or not at all, which pays where small batches cost as much as large ones.

    Attributes:
        objective: What to evaluate.
        one_in: >= 1. All processes of a run draw the same updates.
    """

    one_in: int = 4

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample, (B,); without a term for the log in an update that is left out."""
        if float(torch.rand((), generator=draws.source)) * self.one_in >= 1:
            return Loss(torch.zeros(len(batch), device=batch.x.device), {}, batch.nature.on(batch.x))
        loss = self.objective(denoiser, batch, draws)
        return Loss(self.one_in * loss.per_sample, loss.terms, loss.level)
