r"""Images as they are, as what a model is trained on: samples about their centre, or pieces of larger images.

All that is known of the clean images comes from the noisy ones, about their centre c,

    sigma_data^2 = E |X_n - c|^2 / d - E sigma_n^2.

c is the mean image; of pieces, which may lie anywhere, the mean colour. Poisson-Gaussian noise is made white first
(`ambient.noise.Stabilised`), and everything after that happens in those units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.data import Crops, Samples, in_memory
from ambient.data.noisy_copy import noisy_copy
from ambient.models.names import MethodName
from ambient.noise import PoissonGaussian, Stabilised
from ambient.process import VE

CLEAN = 0.002
"""Below this level an image counts as clean: a quarter of a grey level of 255."""
PIECES = 4096
"""Pieces that the standard deviation and the spectrum of the data are found on."""
Images = Tensor | Sequence[Tensor]
"""(N, C, H, W), or (C, H, W) each."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a model is trained on.

    Attributes:
        data: The samples about their centre.
        centre: c, (C, side, side).
        sigma_data: Standard deviation of the clean images about it.
    """

    data: Samples | Crops
    centre: Tensor
    sigma_data: float


def whitened(images: Images, noise: PoissonGaussian) -> tuple[Images, float]:
    """Images in the units in which their noise is white, and its level there."""
    transform = Stabilised(noise)
    if isinstance(images, Tensor):
        return transform.forward(images), transform.sigma
    return [transform.forward(image) for image in images], transform.sigma


def checked_levels(
    images: Images, sigma: float | Tensor, labels: Tensor | None, classes: Sequence[str], crop: int | None
) -> Tensor:
    """The level of each image, (N,) float64, 0 for clean ones.

    Raises:
        ValueError: If images, levels and classes do not fit together, naming what to do.
    """
    _check_images(images, crop)
    levels = torch.as_tensor(sigma, dtype=torch.float64).cpu()
    if levels.ndim > 1 or (levels.ndim == 1 and len(levels) != len(images)):
        raise ValueError(f"{len(images)} images need one level or {len(images)}, not {tuple(levels.shape)}")
    levels = levels.expand(len(images)).clone()
    if not bool(((levels >= 0) & levels.isfinite()).all()):
        raise ValueError("a noise level is 0 or more, and finite")
    if classes and (labels is None or len(labels) != len(images)):
        raise ValueError(f"{len(classes)} classes, but no class for each of the {len(images)} images")
    return torch.where(levels < CLEAN, 0.0, levels)


def prepare(
    images: Images,
    levels: Tensor,
    method: MethodName,
    *,
    sigma_nature: float,
    seed: int,
    crop: int | None = None,
    labels: Tensor | None = None,
) -> Prepared:
    """The samples of a run.

    Args:
        images: The images, as `checked_levels` took them.
        levels: Of each image, (N,).
        method: Which; "algorithm-1" keeps the clean images beside one noisy copy of each.
        sigma_nature: The level of that copy.
        seed: Of its noise, and of the places of pieces.
        crop: Side of the pieces; None trains on whole images.
        labels: Classes, (N,), which become a condition.

    Raises:
        ValueError: If the level of the copy is 0, or the images vary less than their noise.
    """
    condition = {} if labels is None else {"label": labels}
    if method == "algorithm-1" and not sigma_nature > 0:
        raise ValueError(f"--sigma-nature {sigma_nature:g}: Algorithm 1 needs a level above 0 (try 0.2)")
    alike = bool((levels == levels[0]).all())
    nature = VE().level(sigma_nature if method == "algorithm-1" else float(levels[0]) if alike else levels)
    if crop is not None:
        colour = torch.stack([image.float().mean((1, 2)) for image in images]).mean(0)[:, None, None]
        pieces = [image.float() - colour for image in images]
        clean = None
        if method == "algorithm-1":
            clean, pieces = pieces, [noisy_copy(x[None], nature, seed, [i])[0] for i, x in enumerate(pieces)]
        data: Samples | Crops = Crops(pieces, nature, crop, seed, clean, condition)
        return Prepared(data, colour.expand(-1, crop, crop).clone(), sigma_data_of(in_memory(data, PIECES)))
    assert isinstance(images, Tensor)
    centre, index = images.mean(0), torch.arange(len(images))
    x = images.float() - centre
    if method == "algorithm-1":
        data = Samples(noisy_copy(x, nature, seed, index), nature, index, x, condition)
    else:
        data = Samples(x, nature, index, None, condition)
    return Prepared(data, centre, sigma_data_of(data))


def sigma_data_of(samples: Samples) -> float:
    """Standard deviation of the clean images about their mean, from the samples about theirs.

    Raises:
        ValueError: If they vary less than their noise alone would: then the levels are too high for them.
    """
    if samples.clean is not None:
        return float(samples.clean.double().square().mean().sqrt())
    noise = float(samples.nature.sigma.double().square().mean())
    variance = float(samples.x.double().square().mean()) - noise
    if not variance > 0:
        raise ValueError(
            f"the images vary by {variance + noise:.4g} (variance), no more than noise of the level given would alone "
            f"({noise:.4g}): the level is too high for them"
        )
    return float(variance**0.5)


def _check_images(images: Images, crop: int | None) -> None:
    shapes = {tuple(image.shape) for image in images}
    if any(len(shape) != 3 for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"images (C, H, W) of one C are needed, not of shapes {sorted(shapes)[:3]}")
    if len(images) < 2:
        raise ValueError(f"{len(images)} image: a model needs at least 2, and hundreds to be of use")
    if crop is None:
        if not isinstance(images, Tensor):
            raise ValueError(f"images of {len(shapes)} sizes: train on square pieces of them (crop)")
        if images.shape[2] != images.shape[3]:
            raise ValueError(f"square images (N, C, H, H) are needed, not {tuple(images.shape)}; or square pieces")
    for row, image in enumerate(images):
        if not bool(image.isfinite().all()):
            raise ValueError(f"image {row} has values that are not numbers")
