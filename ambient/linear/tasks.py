r"""The operators of tasks that users name (`ambient.linear.names`)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ambient.linear.images import Blur, Downsample, Mask
from ambient.linear.names import Task
from ambient.linear.operators import Operator
from ambient.randomness import generator


def operator_of(
    task: Task, side: int, indices: Sequence[int], *, seed: int = 0, mask: Tensor | None = None
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
