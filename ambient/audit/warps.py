r"""The ways in which a sample may show a training image again: mirrored, a little shifted, a little enlarged.

A sample q that shows a window of a training image x has, with positions u in [0, 1]^2 as shares of the sides,

    q(u) = x(o + z u),

with a zoom z (1 for the whole image, .9 for a crop of 90 % resized to full size) and an offset o; a mirrored one has
its columns reversed. A warp undoes this. It draws q on the grid of x, and says which part of x is covered:

    (T q)(v) = q((v - o) / z),   M(v) = 1 where (v - o) / z lies in [0, 1]^2,

by linear interpolation, which is one matrix for the rows and one for the columns. Distances between T q and x are root
mean squares over M, so that a warp is not nearer for the sole reason that it covers less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

ZOOMS = (0.95, 0.9, 0.85)
"""Crops that are looked for: the share of each side that a sample shows."""
SHIFT = 1 / 16
"""Shifts that are looked for go up to this share of the side, and to at least one pixel."""
_SHIFT_STEP, _CROP_STEP = 0.5, 0.8
"""Largest steps between neighbouring shifts and crops, in pixels."""


@dataclass(frozen=True, eq=False)
class Warps:
    """A family of warps for images of one size.

    Attributes:
        flips: Whether each mirrors the sample, (T,) bool.
        zooms: The share of each side that the sample shows, (T,), in (0, 1].
        offsets: Where its window begins, down and across, in pixels, (T, 2).
        size: Height and width of the images.
    """

    flips: Tensor
    zooms: Tensor
    offsets: Tensor
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.flips)

    @cached_property
    def masks(self) -> Tensor:
        """Where each warp covers the training image, (T, H, W), 0 or 1."""
        rows, columns = (matrix.sum(2) > 0.5 for matrix in self._matrices)
        return (rows[:, :, None] & columns[:, None, :]).float()

    def __call__(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) on the training image's grid under each warp, (B, T, C, H, W), 0 where not covered."""
        rows, columns = (matrix.to(images) for matrix in self._matrices)
        across = torch.einsum("bchw,tvw->btchv", images, columns)
        return torch.einsum("tuh,btchv->btcuv", rows, across)

    def at(self, images: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """Each image (B, C, H, W) under the warp chosen for it, and the masks (B, 1, H, W).

        Args:
            images: One for each choice.
            which: Rows of the family, (B,).
        """
        rows, columns = (matrix.to(images)[which] for matrix in self._matrices)
        return torch.einsum("buh,bchw,bvw->bcuv", rows, images, columns), self.masks[which][:, None].to(images)

    def describe(self, i: int) -> str:
        """What warp i undoes, in words such as "mirrored, cropped to 90 %"; empty if it changes nothing."""
        zoom, (down, across) = float(self.zooms[i]), self.offsets[i].tolist()
        height, width = self.size
        words = ["mirrored"] if self.flips[i] else []
        if zoom < 1:
            words.append(f"cropped to {100 * zoom:.0f} %")
        elif down or across:
            share = max(abs(down) / height, abs(across) / width)
            words.append(f"shifted by {100 * share:.0f} % of the side")
        return ", ".join(words)

    @cached_property
    def _matrices(self) -> tuple[Tensor, Tensor]:
        """Interpolation of the rows, (T, H, H), and of the columns, (T, W, W)."""
        rows, columns = (_linear(self.zooms, self.offsets[:, i], self.size[i]) for i in (0, 1))
        return rows, torch.where(self.flips[:, None, None], columns.flip(2), columns)


def all_warps(size: tuple[int, int]) -> Warps:
    """Every warp that is looked for: whole images shifted by up to `SHIFT`, crops to `ZOOMS`, each mirrored or not."""
    windows = [(1.0, down, across) for down in _shifts(size[0]) for across in _shifts(size[1])]
    for zoom in ZOOMS:
        downs, acrosses = (_steps(0, (1 - zoom) * side, _CROP_STEP) for side in size)
        windows += [(zoom, down, across) for down in downs for across in acrosses]
    return _family(windows, size)


def centred_warps(size: tuple[int, int]) -> Warps:
    """Few warps, for a first search on small pictures: the whole image and its centre, each mirrored or not."""
    return _family([(zoom, (1 - zoom) / 2 * size[0], (1 - zoom) / 2 * size[1]) for zoom in (1.0, 0.9)], size)


def _family(windows: list[tuple[float, float, float]], size: tuple[int, int]) -> Warps:
    table = torch.tensor([*windows, *windows])
    return Warps(torch.arange(len(table)) >= len(windows), table[:, 0], table[:, 1:], size)


def _shifts(side: int) -> list[float]:
    most = max(1.0, SHIFT * side)
    return [*_steps(-most, 0, _SHIFT_STEP)[:-1], *_steps(0, most, _SHIFT_STEP)]


def _steps(first: float, last: float, step: float) -> list[float]:
    """Evenly spaced numbers from first to last, both included, at most a step apart."""
    return torch.linspace(first, last, math.ceil((last - first) / step - 1e-6) + 1).tolist()


def _linear(zooms: Tensor, offsets: Tensor, side: int) -> Tensor:
    """Matrices (T, side, side) of linear interpolation at (v + 1/2 - offset) / zoom - 1/2; rows outside are 0."""
    at = (torch.arange(side) + 0.5 - offsets[:, None]) / zooms[:, None]
    inside = (at > -1e-4) & (at < side + 1e-4)
    at = (at - 0.5).clamp(0, side - 1)
    weights = (1 - (at[:, :, None] - torch.arange(side)).abs()).clamp(min=0)
    return weights * inside[:, :, None]
