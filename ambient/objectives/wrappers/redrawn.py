"""A control for P2's Algorithm 1: the noise of the noisy copy drawn anew in every step, instead of once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.objectives.base import Loss, Wrapper
from ambient.randomness import Draws


@dataclass(frozen=True)
class Redrawn(Wrapper):
    """`objective` on a fresh noisy copy of the clean samples at the same level.

    The loss above t_n has then the minimiser and the weight of Algorithm 1 in the limit of infinitely many images, but
    averages over the noise: what S_tn hides of an image, the noise of many steps reveals.

    Attributes:
        objective: What is trained, such as `Hybrid`.
    """

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample.

        Raises:
            ValueError: If the batch holds no clean samples.
        """
        if batch.clean is None:
            raise ValueError("noise can be redrawn only where the clean samples are at hand")
        x = batch.nature.on(batch.clean).perturb(batch.clean, draws.normal(batch.clean))
        return self.objective(denoiser, replace(batch, x=x), draws)
