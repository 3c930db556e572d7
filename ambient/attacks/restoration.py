r"""Two attacks: noise an image and restore it, or hide a part of it and fill it in (P1, section 4.1).

    noise-and-restore    x_t = alpha_t x_0 + sigma_t Z at a level where little is left of the image, restored as the
                         posterior mean E[X_0 | X_t] (P1's "MMSE") or as a sample of p(. | x_t)
    mask-and-restore     a region of x_0 is hidden, and sampled given the rest

The noise of an attack is a function of (seed, image index), and other than that of training with the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from ambient.denoisers import Denoiser
from ambient.process import Level
from ambient.randomness import IndexedNoise
from ambient.sampling.generation import restore

Restoration = Literal["mean", "posterior"]


@dataclass(frozen=True, eq=False)
class Restored:
    """What an attack gave back.

    Attributes:
        x_t: What the model was shown, (N, *).
        x_0: What it made of it, (N, *).
    """

    x_t: Tensor
    x_0: Tensor


def corrupt(x_0: Tensor, level: Level, seed: int, indices: Sequence[int]) -> Tensor:
    """Noisy versions of images (N, *) at one level; the noise is a function of (seed, index).

    Raises:
        ValueError: If there is not one index for each image.
    """
    if len(indices) != len(x_0):
        raise ValueError(f"{len(x_0)} images need {len(x_0)} indices, got {len(indices)}")
    noise = IndexedNoise(seed, indices, tuple(x_0.shape[1:]), x_0.dtype, x_0.device, "attack")
    return level.perturb(x_0, noise())


def noise_and_restore(
    denoiser: Denoiser,
    x_0: Tensor,
    level: Level,
    indices: Sequence[int],
    *,
    seed: int,
    restoration: Restoration = "posterior",
    draw: int = 0,
    condition: Mapping[str, Any] | None = None,
    **options: Any,
) -> Restored:
    """Noise images to a level and let the model restore them.

    Args:
        denoiser: h, of any process.
        x_0: Clean images or latents, (N, *).
        level: t, one for all.
        indices: One index for each image: with `seed` it decides all noise, whatever the batch.
        seed: Seed of the attack.
        restoration: "mean" for E[X_0 | X_t], one evaluation; "posterior" for a sample of p(. | x_t).
        draw: Number of the posterior sample: another gives another sample for the same x_t.
        condition: Keyword arguments of the denoiser.
        options: steps, sigma_min and sampler of `ambient.sampling.generation.restore`.

    Raises:
        ValueError: If there is not one index for each image, or `options` do not fit the level.
    """
    x_t = corrupt(x_0, level, seed, indices)
    if restoration == "mean":
        with torch.no_grad():
            return Restored(x_t, denoiser(x_t, level.on(x_t), **(condition or {})))
    rows = [draw << 64 | int(i) for i in indices]
    return Restored(x_t, restore(denoiser, x_t, level, rows, seed=seed, condition=condition, **options))


class Inpainter(Protocol):
    """Anything that fills in what is hidden of an image."""

    def __call__(self, known: Tensor, hidden: Tensor, indices: Sequence[int]) -> Tensor:
        """Whole images, (N, *), for images with zeros in the hidden part, the mask (N, *) and the images' indices."""


def mask_and_restore(inpaint: Inpainter, x_0: Tensor, hidden: Tensor, indices: Sequence[int]) -> Restored:
    """Hide a part of each image and let a model fill it in. The model is given the rest only.

    Args:
        inpaint: An inpainting model, or `ambient.attacks.RePaint` of any denoiser.
        x_0: Clean images, (N, *).
        hidden: True where an image is hidden; of a shape that broadcasts to x_0's.
        indices: One index for each image.

    Returns:
        The images with zeros in the hidden part, and the restored ones, whose known part is that of x_0.

    Raises:
        ValueError: If there is not one index for each image, or nothing or everything is hidden in one.
    """
    hidden = hidden.to(x_0.device).expand_as(x_0)
    if len(indices) != len(x_0):
        raise ValueError(f"{len(x_0)} images need {len(x_0)} indices, got {len(indices)}")
    share = hidden.flatten(1).double().mean(1)
    if bool(((share == 0) | (share == 1)).any()):
        row = int(((share == 0) | (share == 1)).nonzero()[0])
        raise ValueError(
            f"the mask of image {indices[row]} hides {'everything' if share[row] else 'nothing'}: "
            "a restoration needs a hidden and a known part"
        )
    known = x_0.masked_fill(hidden, 0)
    return Restored(known, torch.where(hidden, inpaint(known, hidden, indices).to(x_0), x_0))
