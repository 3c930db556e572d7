r"""How well a model denoises, as in P1's Table 1: `|E[X_0 | X_t] - x_0|^2` of evaluation images at given steps t.

    latent MSE    of scaled latents, per coordinate
    pixel MSE     of the decoded posterior mean against the image itself, pixels in [-1, 1], per coordinate

Mean and standard deviation are taken over the images. The noise is a function of (seed, image index), so all models are
shown the same x_t; captions are null. The paper says neither the range of its pixels nor whether it compares with the
image or with its decoded latent; the error of the decoded latent, "VAE alone", is reported beside, as the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.attacks import noise_and_restore
from sdxl.components import Components
from sdxl.images import load_images
from sdxl.pairs import Pair


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over images."""

    mean: float
    std: float

    @classmethod
    def of(cls, values: Tensor) -> Spread:
        """Of one value for each of at least two images."""
        values = values.double()
        return cls(float(values.mean()), float(values.std()))

    def __str__(self) -> str:
        return f"{self.mean:.4f} ({self.std:.4f})"


@dataclass(frozen=True)
class RestorationErrors:
    """Errors at one step.

    Attributes:
        step: t.
        latent: Latent MSE.
        pixel: Pixel MSE.
    """

    step: int
    latent: Spread
    pixel: Spread


@torch.no_grad()
def restoration_errors(
    components: Components, pairs: Sequence[Pair], steps: Sequence[int], resolution: int, seed: int, batch: int
) -> tuple[list[RestorationErrors], Spread]:
    """The errors at each step, and the pixel MSE of the VAE alone.

    Args:
        components: The model, with its LoRA on.
        pairs: The evaluation images, at least two.
        steps: 0-based steps t of the model's schedule, from 1.
        resolution: Side of the images.
        seed: Of the noise.
        batch: Images at a time.

    Raises:
        ValueError: If there are fewer than two images, or the model has no such step.
    """
    if len(pairs) < 2:
        raise ValueError(f"{len(pairs)} image(s) to restore: a mean and its spread need at least 2")
    last = len(components.process) - 1
    if wrong := [t for t in steps if not 1 <= t <= last]:
        raise ValueError(f"--levels {wrong[0]}: this model has the steps 1 to {last}")
    latent: dict[int, list[Tensor]] = {t: [] for t in steps}
    pixel: dict[int, list[Tensor]] = {t: [] for t in steps}
    floor = []
    for start in range(0, len(pairs), batch):
        part = pairs[start : start + batch]
        images, sizes = load_images(part, resolution)
        z = components.encode_images(images).to(components.device)
        floor.append(_mse(components.decode_latents(z).cpu(), images))
        condition = components.encode_prompts([""] * len(part), sizes)
        for t in steps:
            level, indices = components.process.level(float(t)), [pair.index for pair in part]
            restored = noise_and_restore(
                components.denoiser, z, level, indices, seed=seed, restoration="mean", condition=condition
            ).x_0
            latent[t].append(_mse(restored, z).cpu())
            pixel[t].append(_mse(components.decode_latents(restored).cpu(), images))
    rows = [RestorationErrors(t, Spread.of(torch.cat(latent[t])), Spread.of(torch.cat(pixel[t]))) for t in steps]
    return rows, Spread.of(torch.cat(floor))


def _mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference of each pair, (B,)."""
    return (a - b).square().flatten(1).mean(1)
