r"""Restoring noisy images with a model: posterior means, posterior samples, and images larger than the model.

Of an image x_n = x_0 + sigma_n Z the posterior mean h(x_n, sigma_n) is the restoration of least squared error; samples
of p(X_0 | x_n) look like images and show by their spread what the noise has left open. Each image has its own level.

Where a model was trained on files that clip the noise, saturated pixels are given the mean of the tail that was cut
off, about the model's own restoration (`ambient.noise.tails`).

A larger image is seen through overlapping tiles: the estimates of the tiles are averaged with weights that fall to the
edges, so that no seam shows. A sampler that is given the tiled denoiser draws one path for the whole image, which tiles
that were sampled each for itself would not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ambient import kernels
from ambient.denoisers import Denoiser
from ambient.noise.tails import with_tails
from ambient.posterior.rollout import descend, geometric_levels
from ambient.process import Level
from ambient.randomness import IndexedNoise

if TYPE_CHECKING:
    from ambient.models.model import Model

LEAST = 0.002
"""Below this level an image counts as clean: it is a quarter of a grey level of 255."""


@dataclass(frozen=True, eq=False)
class Tiled:
    """A denoiser of images of any size at least as large as a model's.

    Attributes:
        denoiser: h, of images (B, C, side, side).
        side: Side of its images.
        overlap: Pixels that neighbouring tiles share at least, below `side`.
    """

    denoiser: Denoiser
    side: int
    overlap: int

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.side:
            raise ValueError(f"overlap {self.overlap}: tiles of side {self.side} share between 0 and {self.side - 1}")

    def __call__(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """E[X_0 | X_t], (B, C, H, W), as far as the tiles tell it.

        Raises:
            ValueError: If the images are smaller than the model's.
        """
        height, width = x_t.shape[-2:]
        if min(height, width) < self.side:
            raise ValueError(f"images of {height}x{width} are smaller than the model's {self.side}x{self.side}")
        if (height, width) == (self.side, self.side):
            return self.denoiser(x_t, level, **condition)
        total, weight = torch.zeros_like(x_t), torch.zeros_like(x_t[:1, :1])
        window = self._window().to(x_t)
        for top in self._starts(height):
            for left in self._starts(width):
                rows, columns = slice(top, top + self.side), slice(left, left + self.side)
                total[..., rows, columns] += window * self.denoiser(x_t[..., rows, columns], level, **condition)
                weight[..., rows, columns] += window
        return total / weight

    def _starts(self, length: int) -> list[int]:
        """First pixels of the tiles that cover `length` pixels, evenly spread."""
        number = 1 if length == self.side else 1 + -(-(length - self.side) // (self.side - self.overlap))
        return torch.linspace(0, length - self.side, number).round().long().tolist()

    def _window(self) -> Tensor:
        """Weights of a tile's pixels, (side, side): a tent, positive everywhere."""
        distance = torch.arange(self.side).minimum(torch.arange(self.side).flip(0)) + 1.0
        return distance[:, None] * distance


@torch.no_grad()
def posterior_mean(
    model: Model, x_n: Tensor, sigma: Tensor | float | None = None, *, overlap: int | None = None, **condition: Any
) -> Tensor:
    """E[X_0 | X_n = x_n], from one evaluation a tile; more where files have clipped the noise.

    Of a model for Poisson noise, the exact unbiased inverse of the posterior mean in its units: a little darker than
    the posterior mean of the image where the noise leaves much open (`ambient.noise.stabilised`).

    Args:
        model: The model.
        x_n: Noisy images in [-1, 1] units, (B, C, H, W), at least of the model's size.
        sigma: Their noise level in the same units, one for all or (B,); images below `LEAST` come back as they are.
            None for the level of the images that the model was trained on, which is the only one for Poisson noise.
        overlap: Pixels that tiles share; half the model's side if None.
        condition: As of the model.

    Raises:
        ValueError: If the images do not fit the model.
    """
    level, x_n = _levels(model, sigma, x_n), model.encode(x_n)
    noisy = level.sigma >= LEAST
    safe = Level(level.alpha, level.sigma.clamp(min=LEAST))
    denoiser = _tiled(model, x_n, overlap)
    restored = denoiser(_unclipped(model, denoiser, x_n, safe, condition), safe, **condition)
    return model.decode(torch.where(noisy.reshape(-1, 1, 1, 1), restored, x_n))


@torch.no_grad()
def posterior_samples(
    model: Model,
    x_n: Tensor,
    sigma: Tensor | float | None,
    indices: Sequence[int],
    *,
    seed: int = 0,
    steps: int = 12,
    depth: float = 1 / 16,
    overlap: int | None = None,
    **condition: Any,
) -> Tensor:
    """One sample of p(X_0 | X_n = x_n) for each image, at its own level, by `steps` reverse steps of second order.

    Args:
        model: The model.
        x_n: Noisy images, (B, C, H, W).
        sigma: Their level, as of `posterior_mean`.
        indices: One for each image: with `seed` it decides all noise of its path, whatever the batch.
        seed: Seed; another gives another sample.
        steps: Reverse steps, >= 1.
        depth: Last level over that of the image, where the posterior mean is taken; in (0, 1).
        overlap: Pixels that tiles share; half the model's side if None.
        condition: As of the model.

    Raises:
        ValueError: If the model was trained to stop at the level of its data, or the images do not fit it.
    """
    if model.method == "early-stop":
        raise ValueError("a model trained by early-stop knows nothing below its data's noise: take the posterior mean")
    level, denoiser = _levels(model, sigma, x_n), _tiled(model, x_n, overlap)
    x_n = model.encode(x_n)
    noisy = level.sigma >= LEAST
    start = Level(level.alpha, level.sigma.clamp(min=LEAST))
    noise = IndexedNoise(seed, list(indices), tuple(x_n.shape[1:]), x_n.dtype, x_n.device)
    end = Level(start.alpha, start.sigma * depth)
    levels = geometric_levels(start, end, steps)
    whole = _unclipped(model, denoiser, x_n, start, condition)
    h = denoiser(whole, start, **condition)
    x = descend(denoiser, whole, h, levels, kernels.ancestral, noise, 2, condition)
    return model.decode(torch.where(noisy.reshape(-1, 1, 1, 1), denoiser(x, end, **condition), x_n))


def _unclipped(model: Model, denoiser: Tiled, x_n: Tensor, level: Level, condition: dict[str, Any]) -> Tensor:
    """The images with the tails of their noise, where the files of the model's training images cut them off."""
    if not model.limits.clipped:
        return x_n
    return with_tails(x_n, level.sigma, model.limits, lambda x: denoiser(x, level, **condition))


def _levels(model: Model, sigma: Tensor | float | None, x_n: Tensor) -> Level:
    if sigma is None and not model.noisy:
        raise ValueError("the model was trained on clean images: say how noisy these are (sigma)")
    if sigma is not None and model.stabilised is not None:
        raise ValueError("a model for Poisson noise knows one noise only, that of its training: leave sigma out")
    sigma = model.nature if sigma is None else sigma
    sigma = torch.as_tensor(sigma, dtype=torch.float64, device=x_n.device).expand(len(x_n))
    if not bool(((sigma >= 0) & sigma.isfinite()).all()):
        raise ValueError("a noise level is 0 or more, and finite")
    return Level(torch.ones_like(sigma), sigma)


def check_fits(model: Model, shape: tuple[int, ...], overlap: int | None = None) -> None:
    """Refuse images of another number of channels than a model's, or smaller than its own.

    Args:
        model: The model.
        shape: (C, H, W) of an image.
        overlap: Pixels that tiles share; half the model's side if None.

    Raises:
        ValueError: Saying what does not fit.
    """
    channels, side, _ = model.shape
    if len(shape) != 3 or shape[0] != channels:
        raise ValueError(f"images of shape {tuple(shape)} do not fit a model of {channels} channel(s)")
    if min(shape[1:]) < side:
        raise ValueError(f"images of {shape[1]}x{shape[2]} are smaller than the model's {side}x{side}")
    _tiles(model, overlap)


def _tiles(model: Model, overlap: int | None) -> Tiled:
    side = model.shape[1]
    return Tiled(model, side, side // 2 if overlap is None else overlap)


def _tiled(model: Model, x_n: Tensor, overlap: int | None) -> Tiled:
    check_fits(model, tuple(x_n.shape[1:]), overlap)
    return _tiles(model, overlap)
