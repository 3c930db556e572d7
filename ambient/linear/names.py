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

TaskName = Literal["blur", "downsample", "inpainting"]
"""What was done to images."""
GuidanceName = Literal["mmps", "pigdm", "proximal", "dps"]
"""How a model is told of measurements: `ambient.posterior.guidance`."""
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
