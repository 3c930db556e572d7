"""The images that an audit compares: read from any source, or given as tensors, and checked against each other.

Everything is judged as saved images are: in 8 bits.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ambient.audit.options import Reading, Split
from ambient.data.images import ImageOptions, load_images, to_uint8, to_unit

FEWEST = 10
"""Fewer images than this are refused: intervals would say nothing."""
Source = Tensor | str | os.PathLike[str]
"""Images (N, C, H, W), uint8 or floats in [-1, 1]; or anything that `ambient.data.images.load_images` reads."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """A set of images.

    Attributes:
        role: What it is to the audit: "samples", "training" or "held-out".
        source: Where it came from, in words.
        pixels: (N, C, H, W) uint8, C = 1 or 3.
        names: Name of each.
        notes: What the user should know of how they were read.
    """

    role: str
    source: str
    pixels: Tensor
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    @cached_property
    def images(self) -> Tensor:
        """The images, float32 in [-1, 1]; converted once."""
        return to_unit(self.pixels)


def gather(source: Source, role: str, reading: Reading, split: Split | None = None) -> Pictures:
    """The images of a source.

    Args:
        source: Images, or where they are.
        role: What they are to the audit.
        reading: How they are read.
        split: Which part of a data set that has parts; None for its training images.

    Raises:
        DataSetError: If files cannot be read.
        ValueError: If a tensor is no set of images, or there are fewer than `FEWEST`.
    """
    pictures = _of_tensor(source, role) if isinstance(source, Tensor) else _read(source, role, reading, split)
    if len(pictures) < FEWEST:
        raise ValueError(f"{role}: an audit needs at least {FEWEST} images, {pictures.source} has {len(pictures)}")
    return pictures


def check_alike(samples: Pictures, *others: Pictures) -> None:
    """Refuse sets that cannot be compared.

    Raises:
        ValueError: If sizes or channels differ, or two sets are the same images.
    """
    for other in others:
        if samples.pixels.shape[1] != other.pixels.shape[1]:
            raise ValueError(
                f"the samples are {_colour(samples)} and the {other.role} images {_colour(other)}: "
                "choose --channels grey or --channels rgb for all"
            )
        if samples.pixels.shape[2:] != other.pixels.shape[2:]:
            raise ValueError(
                f"the samples are {_size(samples)} and the {other.role} images {_size(other)} pixels: "
                "choose one --resolution for all"
            )
    sets = (samples, *others)
    for i, one in enumerate(sets):
        for two in sets[i + 1 :]:
            if one.pixels.shape == two.pixels.shape and torch.equal(one.pixels, two.pixels):
                raise ValueError(
                    f"the {one.role} and {two.role} images are the same {len(one)} images in the same order "
                    f"({one.source} and {two.source}): give two different sets"
                )


def _of_tensor(images: Tensor, role: str) -> Pictures:
    shape = tuple(images.shape)
    if images.ndim != 4 or shape[1] not in (1, 3):
        raise ValueError(f"{role}: images must have the shape (N, 1 or 3, H, W), got {shape}")
    notes: tuple[str, ...] = ()
    pixels = images.detach().cpu()
    if pixels.dtype != torch.uint8:
        pixels, notes = _eight_bits(pixels, role)
    names = tuple(f"{role} {i}" for i in range(len(images)))
    return Pictures(role, f"a tensor of shape {shape}", pixels, names, notes)


def _eight_bits(images: Tensor, role: str) -> tuple[Tensor, tuple[str, ...]]:
    if not images.is_floating_point():
        raise ValueError(f"{role}: images must be uint8 or floats in [-1, 1], got {images.dtype}")
    if not images.isfinite().all():
        bad = int((~images.isfinite()).flatten(1).any(1).sum())
        raise ValueError(f"{role}: {bad} of {len(images)} images hold values that are not finite")
    low, high = (float(x) for x in images.aminmax())
    if low >= 0 or max(-low, high) > 2:
        raise ValueError(
            f"{role}: values run from {low:.3g} to {high:.3g}, not from -1 to 1; give floats in [-1, 1], or uint8"
        )
    outside = int((images.abs() > 1).sum())
    notes = (f"{role}: {outside} values outside [-1, 1] were clipped, as saving does",) if outside else ()
    return to_uint8(images.float()), notes


def _read(source: str | os.PathLike[str], role: str, reading: Reading, split: Split | None) -> Pictures:
    options = ImageOptions(split, reading.resolution, reading.channels, skip_bad=reading.skip_bad, **reading.bounds())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        data = load_images(source, options)
    notes = [f"{role}: {warning.message}" for warning in caught]
    return Pictures(role, str(source), data.pixels, data.names, tuple(notes))


def _size(pictures: Pictures) -> str:
    height, width = pictures.pixels.shape[2:]
    return f"{width}x{height}"


def _colour(pictures: Pictures) -> str:
    return "grey" if pictures.pixels.shape[1] == 1 else "colour"
