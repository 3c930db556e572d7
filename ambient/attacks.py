r"""Attacks that ask a trained model to restore what was taken from its training images (P1, section 4.1).

    noise-and-restore    x_t = alpha_t x_0 + sigma_t Z at a level where little is left of the image, restored as the
                         posterior mean E[X_0 | X_t] (P1's "MMSE") or as a sample of p(. | x_t)
    mask-and-restore     a region of x_0 is hidden, and sampled given the rest

A restoration much nearer to its original than what was left of it can explain is evidence that the model has kept the
image. How near is the cosine similarity of features, to the image's own original and to the nearest image of the data
set; the share of restorations whose nearest image is their own says how many are *identified*. A similarity by itself
is no evidence: good models restore images well that they have never seen. So the same attack on held-out images, or on
a model trained on other data, is the control, and `ambient.metrics.dominance` compares the two.

Masks without an inpainting model. Lugmayr et al. (2022, RePaint): go down the levels, at each replace what is known by
its noisy version, and draw the hidden part by the reverse kernel; noise the result again and repeat. Each repetition is
a sweep of a Gibbs sampler of (X_s, X_t) given the noisy known part. One sweep alone is far off, since the hidden part
was drawn before the known part was put in; many are still biased by the step of the reverse kernel, and do not change
between modes that are far apart.

The noise of an attack is a function of (seed, image index), and other than that of training with the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from ambient import kernels
from ambient.denoisers import Denoiser
from ambient.metrics.distances import nearest
from ambient.metrics.features import unit
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
        inpaint: An inpainting model, or `RePaint` of any denoiser.
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


@dataclass(frozen=True, eq=False)
class RePaint:
    """Any denoiser as an `Inpainter` (Lugmayr et al. 2022); see the module.

    Attributes:
        denoiser: h, called in variance-exploding coordinates.
        sigmas: Decreasing levels that end at 0, (steps + 1,), as for `ambient.sampling.generation.generate`.
        seed: Seed of the attack; the noise of an image is a function of it and the image's index.
        repeats: Sweeps at each level, >= 1; more are less biased, at that many evaluations a level.
        condition: Keyword arguments of the denoiser.

    Raises:
        ValueError: If the levels do not decrease to 0, or `repeats` is below 1.
    """

    denoiser: Denoiser
    sigmas: Tensor
    seed: int = 0
    repeats: int = 10
    condition: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise ValueError(f"repeats must be at least 1, got {self.repeats}")
        if not bool((self.sigmas.diff() < 0).all()) or float(self.sigmas[-1]) != 0:
            raise ValueError("the levels of a restoration must decrease and end at 0")

    @torch.no_grad()
    def __call__(self, known: Tensor, hidden: Tensor, indices: Sequence[int]) -> Tensor:
        noise = IndexedNoise(self.seed, indices, tuple(known.shape[1:]), known.dtype, known.device, "attack")
        x = float(self.sigmas[0]) * noise()
        for sigma, sigma_next in pairwise(self.sigmas):
            level, target = (Level(torch.ones_like(s), s).on(x) for s in (sigma, sigma_next))
            for repeat in range(self.repeats):
                if repeat:
                    x = target.transition_to(level).perturb(x, noise())
                h = self.denoiser(x, level, **self.condition)
                drawn = kernels.ancestral(h, x, level, target).sample(noise())
                x = torch.where(hidden, drawn, target.perturb(known, noise()))
        return x


@dataclass(frozen=True, eq=False)
class Similarities:
    """How near restorations came, on one kind of features.

    Attributes:
        features: Name of the features.
        own: Cosine similarity of each restoration to its own original, (N,) float64.
        nearest: The largest to any image of the data set, (N,): what P1's histograms show.
        neighbour: Row of that image in the data set, (N,) int64.
    """

    features: str
    own: Tensor
    nearest: Tensor
    neighbour: Tensor

    def identified(self, rows: Tensor) -> float:
        """Share of restorations whose nearest image is their own original, which are at `rows`, (N,), of the data."""
        return float((self.neighbour == rows).double().mean())


def compare(restored: Tensor, originals: Tensor, data: Tensor, features: str) -> Similarities:
    """Similarities of restorations to their originals and to the whole data set.

    Args:
        restored: Features of the restorations, (N, D).
        originals: Features of their originals, in the same order, (N, D).
        data: Features of the data set, (M, D).
        features: What these features are called.

    Raises:
        ValueError: If the numbers or the features do not fit together.
    """
    if restored.shape != originals.shape or restored.shape[1:] != data.shape[1:]:
        shapes = ", ".join(str(tuple(x.shape)) for x in (restored, originals, data))
        raise ValueError(f"features of restorations, originals and data do not fit together: {shapes}")
    queries, keys = unit(restored.double()), unit(data.double())
    distance, neighbour = nearest(queries, keys)
    own = (queries * unit(originals.double())).sum(1)
    return Similarities(features, own, 1 - distance[:, 0].square() / 2, neighbour[:, 0])


def histogram(similarities: Tensor, bins: int = 50, low: float = 0.0, high: float = 1.0) -> tuple[Tensor, Tensor]:
    """Edges, (bins + 1,), and the share of the similarities in each bin, (bins,); values outside go to the end bins."""
    edges = torch.linspace(low, high, bins + 1, dtype=torch.float64)
    where = torch.bucketize(similarities.double().contiguous(), edges[1:-1], right=True)
    return edges, torch.bincount(where, minlength=bins).double() / max(len(similarities), 1)
