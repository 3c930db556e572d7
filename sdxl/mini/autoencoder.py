r"""The VAE of a mini model: a factor of 2, four channels, trained on the images by itself.

With m, s the encoder's mean and standard deviation, z = m + s E, E ~ N(0, I), and y the decoder's image of z,

    loss = |y - x| + a (|d_h (y - x)| + |d_v (y - x)|) + c (W C P (y - x))^2 + b KL(N(m, s^2) || N(0, I)),

all as means over pixels or latent numbers; d_h, d_v are differences of neighbouring pixels, P is the mean over blocks
of 4x4, C takes red, green and blue to their mean, g - (r + b) / 2 and r - b, and W divides these by about how much they
vary in photographs, relative to the mean: 1, 3, 1.5. The error is taken by its absolute value, which does not prefer
blurred edges as squares do; that of the differences weighs edges once more. That of C weighs colours: four numbers for
four pixels of three colours are just enough for their brightness, and without this term the VAE spends them on it and
turns green frogs brown (docs/mini.md). It is a square, since most of a photograph is nearly grey: the absolute error is
least for no colour at all. b is small: it keeps the latents near one scale and smooth, and costs next to no detail.
Images are mirrored by a coin. Rombach et al. (2022) train theirs with a perceptual and an adversarial loss in place of
the second and third term; both need networks that cannot be had here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ambient.data import Batch, Samples
from ambient.objectives import Loss, Objective
from ambient.process import Level
from ambient.randomness import Draws
from ambient.training import Callback, TrainingConfig, train

COLOURS = ((1 / 3, 1 / 3, 1 / 3), (-1.5, 3.0, -1.5), (1.5, 0.0, -1.5))
"""W C, a row for each of brightness, green against purple, and red against blue."""
EXAMPLES = 256
"""Rows that are encoded or decoded at a time."""


class Autoencoder(nn.Module):
    """A diffusers VAE as the training loop calls it.

    Args:
        vae: The VAE.
    """

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, images: Tensor, noise: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) there and back, and the KL divergence of each, (B,), a mean over latent numbers.

        Args:
            images: In [-1, 1].
            noise: Draws E of the shape of its argument.
        """
        posterior = self.vae.encode(images).latent_dist
        again: Tensor = self.vae.decode(posterior.mean + posterior.std * noise(posterior.mean)).sample
        divergence = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar)
        return again, divergence.flatten(1).mean(1)


@dataclass(frozen=True)
class Reconstruction(Objective):
    """The loss of the module; its noise and coins are the training step's.

    Attributes:
        edges: a, weight of the differences of neighbouring pixels.
        coarse: c, weight of the colours of blocks.
        divergence: b, weight of the KL divergence.
    """

    edges: float = 1.0
    coarse: float = 2.0
    divergence: float = 1e-3

    def __call__(self, denoiser: Any, batch: Batch, draws: Draws) -> Loss:
        """The loss per image; its terms are logged as absolute, edges, coarse and divergence."""
        mirrored = (draws.uniform(batch.x) < 0.5).reshape(-1, 1, 1, 1)
        images = torch.where(mirrored, batch.x.flip(-1), batch.x)
        again, divergence = denoiser(images, draws.normal)
        error = again - images
        absolute = error.abs().flatten(1).mean(1)
        edges = error.diff(dim=-1).abs().flatten(1).mean(1) + error.diff(dim=-2).abs().flatten(1).mean(1)
        coarse = _colours(error).square().flatten(1).mean(1)
        parts = {"absolute": absolute, "edges": edges, "coarse": coarse, "divergence": divergence}
        total = absolute + self.edges * edges + self.coarse * coarse + self.divergence * divergence
        clean = Level(torch.ones(len(images)), torch.zeros(len(images)))
        return Loss(total, {name: part.detach() for name, part in parts.items()}, clean)


def train_vae(
    vae: Any,
    images: Tensor,
    config: TrainingConfig,
    folder: Path,
    objective: Reconstruction | None = None,
    callbacks: tuple[Callback, ...] = (),
) -> None:
    """Train a VAE in place, or go on with the run that `folder` holds; then set its `scaling_factor`.

    Args:
        vae: An AutoencoderKL.
        images: What it is trained on, (N, 3, H, W) in [-1, 1].
        config: How.
        folder: Of the run; see `ambient.training.train`.
        objective: The loss; `Reconstruction()` if None.
        callbacks: What looks at it as it is trained.

    Raises:
        As `ambient.training.train`.
    """
    train(
        Autoencoder(vae),
        objective or Reconstruction(),
        Samples.of_clean(images),
        config,
        folder,
        identity={"vae": {k: v for k, v in vae.config.items() if not k.startswith("_") and k != "scaling_factor"}},
        watch=False,
        callbacks=callbacks,
    )
    vae.register_to_config(scaling_factor=round(1 / float(encode(vae, images, scaled=False).std()), 4))


@torch.no_grad()
def encode(vae: Any, images: Tensor, scaled: bool = True) -> Tensor:
    """The encoder's mean for images (N, 3, H, W), (N, 4, H / 2, W / 2), times the scaling factor if `scaled`."""
    means = torch.cat([vae.encode(part).latent_dist.mean for part in images.split(EXAMPLES)])
    return means * vae.config.scaling_factor if scaled else means


@torch.no_grad()
def decode(vae: Any, latents: Tensor) -> Tensor:
    """Images (N, 3, H, W) of scaled latents."""
    return torch.cat([vae.decode(part / vae.config.scaling_factor).sample for part in latents.split(EXAMPLES)])


def errors(vae: Any, images: Tensor) -> dict[str, float]:
    """How well images come back.

    Args:
        vae: The VAE.
        images: (N, 3, H, W) in [-1, 1].

    Returns:
        "rmse" and "absolute", in units where an image runs from -1 to 1; and "brightness", "green" and "red", of each
        axis of the module's C the share of the variance over blocks of 4x4 that comes back: 1 is all of it, 0 none.
    """
    again = decode(vae, encode(vae, images))
    before, after = _colours(images), _colours(again)
    kept = 1 - (after - before).square().mean((0, 2, 3)) / before.var((0, 2, 3), unbiased=False)
    return {
        "rmse": float((again - images).square().mean().sqrt()),
        "absolute": float((again - images).abs().mean()),
        **dict(zip(("brightness", "green", "red"), kept.tolist(), strict=True)),
    }


def _colours(images: Tensor) -> Tensor:
    """W C P of images (B, 3, H, W): the colours of blocks of 4x4, (B, 3, H / 4, W / 4)."""
    blocks = nn.functional.avg_pool2d(images, 4)
    return torch.einsum("kc,bchw->bkhw", torch.tensor(COLOURS), blocks)
