r"""Augmentation that leaves the noisy copy S_tn one noisy copy, and does not leak into what is generated.

P2's Algorithm 1 shows the network above t_n one fixed noisy version of each image. An augmentation drawn before the
noise would show it several, whose noise averages out (the fault of P2's released code, which augments and then adds
the noise of the image's index). Here a transformation g acts on what was observed, the noisy version with its noise:

    g x_n = alpha_n g x_0 + sigma_n g Z_i.

It is a function of S_tn, so nothing of x_0 is revealed that S_tn does not hold; and since g permutes pixels, g Z_i is
standard normal and g x_n is at the level t_n. That leaves the eight lossless symmetries of the square. EDM's other
geometric transformations (scaling, rotation by any angle, shifts by fractions) interpolate, which colours the noise,
and its shifts by whole pixels lose some; they have no place here.

The network is told which transformation it sees (Karras et al. 2020, 2022): a vector (mirrored left to right, upside
down, transposed), zeros for an image as it is. Sampling without it, or with zeros, gives images as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.objectives.base import Loss, Wrapper
from ambient.randomness import Draws

AUGMENT_LABELS = 3
"""Length of the vector of augmentation labels."""


@dataclass(frozen=True)
class Augmented(Wrapper):
    """`objective` on transformed samples, whose labels the denoiser is given as `augment`, (B, 3).

    Whatever of a batch has the form of an image is transformed together: the noisy version, the clean one, a mask.

    Attributes:
        objective: What is trained.
        probability: Chance that turning upside down, and transposing, are decided by a coin; else they are left out.
            .12 in EDM. Mirroring left to right always is, as in EDM.
    """

    probability: float = 0.12

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise ValueError(f"the probability of an augmentation must lie in (0, 1], got {self.probability}")

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample.

        Raises:
            ValueError: If the samples are not square images.
        """
        if batch.x.ndim != 4 or batch.x.shape[-1] != batch.x.shape[-2]:
            raise ValueError(f"only square images can be turned, and these have the shape {tuple(batch.x.shape[1:])}")
        u = torch.stack([draws.uniform(batch.x) for _ in range(AUGMENT_LABELS)], 1)
        limit = torch.tensor([0.5, self.probability / 2, self.probability / 2], dtype=u.dtype, device=u.device)
        bits = u < limit
        shape = batch.x.shape[-2:]
        condition = {
            name: turned(value, bits) if value.ndim == 4 and value.shape[-2:] == shape else value
            for name, value in batch.condition.items()
        }
        seen = replace(
            batch,
            x=turned(batch.x, bits),
            clean=None if batch.clean is None else turned(batch.clean, bits),
            condition={**condition, "augment": bits.to(batch.x.dtype)},
        )
        return self.objective(denoiser, seen, draws)


def turned(images: Tensor, bits: Tensor) -> Tensor:
    """Images under the symmetries of the square: mirrored left to right, turned upside down, then transposed.

    Args:
        images: (B, C, H, H).
        bits: Which of the three, (B, 3) bool.
    """
    left_right, upside_down, transposed = (bits[:, i].reshape(-1, 1, 1, 1) for i in range(AUGMENT_LABELS))
    images = torch.where(left_right, images.flip(-1), images)
    images = torch.where(upside_down, images.flip(-2), images)
    return torch.where(transposed, images.mT, images)
