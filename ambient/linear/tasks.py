r"""Measurements by name, as users write them: `blur:1.5`, `downsample:2`, `inpainting:0.8`, `inpainting:MASK.png`.

blur:S          Gaussian blur of standard deviation S pixels; the image goes on at its other side
downsample:F    means of F x F pixels
inpainting:P    a share P of the pixels is missing, other ones in each image: for simulated measurements
inpainting:FILE the black pixels of a picture are missing, in all images alike
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ambient.linear.images import Blur, Downsample, Mask
from ambient.linear.operators import Operator
from ambient.randomness import generator

TaskName = Literal["blur", "downsample", "inpainting"]
NAMES: tuple[TaskName, ...] = ("blur", "downsample", "inpainting")


@dataclass(frozen=True)
class Task:
    """What was done to images.

    Attributes:
        name: Which.
        value: Pixels of the blur, the factor, or the share of missing pixels; 0 where `mask` says.
        mask: Picture whose black pixels are missing.
    """

    name: TaskName
    value: float
    mask: Path | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.mask if self.mask else f'{self.value:g}'}"

    def side(self, measured: int) -> int:
        """Side of the images from that of their measurements."""
        return measured * int(self.value) if self.name == "downsample" else measured


def parse_task(text: str) -> Task:
    """The task that a user wrote.

    Raises:
        ValueError: If there is none of that name, or its value cannot be.
    """
    name, _, value = text.partition(":")
    if name not in NAMES or not value:
        raise ValueError(f"{text!r} is no task: write blur:1.5, downsample:2, inpainting:0.8 or inpainting:MASK.png")
    try:
        number = float(value)
    except ValueError:
        if name != "inpainting":
            raise ValueError(f"{text!r}: {value!r} is not a number") from None
        return Task("inpainting", 0.0, Path(value))
    if name == "blur" and not (0 < number < math.inf):
        raise ValueError(f"{text!r}: a blur is a number of pixels above 0")
    if name == "downsample" and not (number >= 2 and number.is_integer()):
        raise ValueError(f"{text!r}: a factor is a whole number, 2 or more")
    if name == "inpainting" and not 0 < number < 1:
        raise ValueError(f"{text!r}: a share of missing pixels is between 0 and 1")
    return Task(name, number)


def operator_of(
    task: Task, side: int, indices: range | list[int], *, seed: int = 0, mask: Tensor | None = None
) -> Operator:
    """The operator of a task for some images.

    Args:
        task: Which.
        side: Of the images.
        indices: Of the images: each decides, with `seed`, which of its pixels are missing.
        seed: Seed of missing pixels.
        mask: (1, 1, side, side), 1 where a pixel is seen, for a task with a picture.

    Raises:
        ValueError: If a blur is wider than the images, or a picture's mask is not given.
    """
    if task.name == "downsample":
        return Downsample(int(task.value))
    if task.name == "blur":
        return Blur(gaussian_kernel(task.value, side))
    if task.mask is not None:
        if mask is None:
            raise ValueError(f"{task}: the picture's mask is needed")
        return Mask(mask)
    draws = [torch.rand(1, side, side, generator=generator("attack", seed, int(i))) for i in indices]
    return Mask((torch.stack(draws) >= task.value).float())


def gaussian_kernel(std: float, side: int) -> Tensor:
    """A Gaussian of `std` pixels out to three of them, (1, k, k), summing to 1.

    Raises:
        ValueError: If that is wider than images of `side`.
    """
    radius = max(1, math.ceil(3 * std))
    if 2 * radius + 1 > side:
        raise ValueError(f"a blur of {std:g} pixels reaches {2 * radius + 1}, and the images have {side}")
    axis = torch.arange(-radius, radius + 1, dtype=torch.float64)
    line = (-(axis**2) / (2 * std**2)).exp()
    kernel = line[:, None] * line
    return (kernel / kernel.sum())[None]
