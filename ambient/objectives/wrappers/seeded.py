"""An objective of a network that is itself random, such as one with dropout."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.objectives.base import Loss, Wrapper
from ambient.randomness import Draws


@dataclass(frozen=True)
class Seeded(Wrapper):
    """`objective`, with torch's own generators seeded by the step.

    So what the network draws is a function of (seed, step, process), and a resumed run draws what an uninterrupted one
    would. Processes draw each their own: unlike the noise, dropout depends on their number.

    Attributes:
        objective: What is trained.
    """

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample."""
        keys = torch.randint(2**62, (draws.world,), generator=draws.source)
        devices = [batch.x.device] if batch.x.is_cuda else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(int(keys[draws.rank]))
            return self.objective(denoiser, batch, draws)
