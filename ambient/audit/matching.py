r"""The training image that a sample most resembles, whichever way it was mirrored, shifted or cropped.

For a sample q, warps T (see `ambient.audit.warps`) and training images x_1, ..., x_n,

    d(q, x) = min_T sqrt(mean over M of (T q - x)^2),       r(q) = d_(1) / median of d_(1), ..., d_(k),

with d_(i) the distances to the k candidates, nearest first. r is small for a copy, and near 1 for an image as far from
its nearest training image as from others like it. It is the l2-ratio rule's d_1 / d_2 (Yoon et al. 2023), made blind to
warps, and with a median in place of d_2, so that near-duplicates of a training image do not hide its copies. What
counts as small is not decided here but calibrated (`ambient.audit.planted`).

Images are reduced to at most `SIDE` pixels a side: a copy that was saved again, blurred or shifted by a fraction of a
pixel stays a copy, and differences of fewer than 1/16 of the side are not seen. Candidates are the k nearest on still
smaller pictures, by chunked matrix products; their distances are then found under every warp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ambient.audit.warps import Warps, all_warps, centred_warps

SIDE = 16
"""Longer side of the pictures that are compared, in pixels, unless the images are smaller."""
CANDIDATES = 16
"""Training images that a sample is compared with under every warp."""
_COARSE = 8
_NUMBERS = 40_000_000
"""Numbers in the largest array of the search: about 160 MB."""


@dataclass(frozen=True, eq=False)
class Matches:
    """What each of N images most resembles.

    Attributes:
        rows: The nearest image, (N,).
        warps: Under which warp of `family`, (N,).
        distances: d_(1), root mean square difference in [-1, 1] units, (N,).
        seconds: d_(2), (N,).
        scales: Median distance to the candidates, (N,).
        family: The warps.
    """

    rows: Tensor
    warps: Tensor
    distances: Tensor
    seconds: Tensor
    scales: Tensor
    family: Warps

    @property
    def ratios(self) -> Tensor:
        """r(q), (N,), in [0, 1]; 1 where all candidates are at distance 0."""
        return ratio(self.distances, self.scales)

    @property
    def second_ratios(self) -> Tensor:
        """The same with d_(2), (N,): r as it would be without the nearest image."""
        return ratio(self.seconds, self.scales)


def ratio(distances: Tensor, scales: Tensor) -> Tensor:
    """distances / scales, and 1 where the scale is 0: among blank images, nothing is a copy of one in particular."""
    return torch.where(scales > 0, distances / scales.clamp(min=torch.finfo(scales.dtype).tiny), 1.0)


class Matcher:
    """Finds for images the nearest of a set under every warp.

    Args:
        images: The set, (n, C, H, W) in [-1, 1], n >= 3; images that occur more than once should be given once.
        shifts: Whether shifts and every crop are looked for; else only mirror images and crops about the centre, for
            a fraction of the time.
    """

    def __init__(self, images: Tensor, shifts: bool = True) -> None:
        self._fine, self._small = (_Pictures.of(images, side) for side in (SIDE, _COARSE))
        small = self._small.size
        # Where the small pictures are the images themselves, one pixel matters: search under every warp.
        self._first = centred_warps(small) if max(images.shape[2:]) > _COARSE else all_warps(small)
        self.family = all_warps(self._fine.size) if shifts else centred_warps(self._fine.size)

    def __call__(self, queries: Tensor, leave_out: Tensor | None = None) -> Matches:
        """Matches of images (N, C, H, W).

        Args:
            queries: Of the set's size and channels.
            leave_out: For each query a row of the set that it is not compared with, (N,): itself.
        """
        count = len(self._small) - (leave_out is not None)
        parts = []
        for chosen in _chunks(len(queries), len(self._first) * len(self._small)):
            part = queries[chosen]
            near = self._small.distances(part, self._first).amin(1)
            if leave_out is not None:
                near.scatter_(1, leave_out[chosen, None], torch.inf)
            candidates = near.topk(min(CANDIDATES, count), largest=False).indices
            parts.append(self._refined(part, candidates))
        rows, warps, distances = (torch.cat(column) for column in zip(*parts, strict=True))
        return Matches(rows, warps, distances[:, 0], distances[:, 1], distances.median(1).values, self.family)

    def _refined(self, queries: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The nearest candidate's row and warp, (B,) each, and the distances to all, nearest first, (B, k)."""
        found = []
        for chosen in _chunks(len(queries), len(self.family) * self._fine.values.shape[1]):
            part, rows = queries[chosen], candidates[chosen]
            nearest, warps = self._fine.distances(part, self.family, rows).min(1)
            best = nearest.argmin(1, keepdim=True)
            row, warp = rows.gather(1, best)[:, 0], warps.gather(1, best)[:, 0]
            exact = self._fine.exact(part, self.family, row, warp)
            others = nearest.scatter(1, best, torch.inf).sort(1).values[:, :-1].sqrt()
            found.append((row, warp, torch.cat((exact[:, None], others), 1)))
        rows, warps, distances = (torch.cat(column) for column in zip(*found, strict=True))
        return rows, warps, distances


@dataclass(frozen=True, eq=False)
class _Pictures:
    """Reduced images less their common mean, which keeps the products of float32 numbers exact enough.

    Attributes:
        values: (n, D).
        centre: The mean that was taken off.
        side: What the images were reduced to.
        size: Height and width.
        channels: C.
    """

    values: Tensor
    centre: Tensor
    side: int
    size: tuple[int, int]
    channels: int

    @classmethod
    def of(cls, images: Tensor, side: int) -> _Pictures:
        small = reduced(images, side)
        centre = small.mean((0, 2, 3), keepdim=True)
        height, width = small.shape[2:]
        return cls((small - centre).flatten(1), centre, side, (height, width), small.shape[1])

    def __len__(self) -> int:
        return len(self.values)

    def distances(self, queries: Tensor, warps: Warps, rows: Tensor | None = None) -> Tensor:
        """Mean squares (B, T, n), or (B, T, k) to the rows (B, k): M-means of |Tq|^2 - 2 Tq x + x^2."""
        drawn = warps(self._prepared(queries)).flatten(2)
        masks = warps.masks[:, None].expand(-1, self.channels, -1, -1).flatten(1)
        squares = drawn.square().sum(2, keepdim=True)
        if rows is None:
            products, norms = drawn @ self.values.T, masks @ self.values.square().T
        else:
            keys = self.values[rows]
            products, norms = drawn @ keys.mT, masks @ keys.square().mT
        return (squares - 2 * products + norms).clamp(min=0) / masks.sum(1)[:, None]

    def exact(self, queries: Tensor, warps: Warps, rows: Tensor, which: Tensor) -> Tensor:
        """Root mean square differences of each query from one row under one warp, (B,), from the differences."""
        drawn, masks = warps.at(self._prepared(queries), which)
        differences = (drawn - self.values[rows].reshape(drawn.shape)).square() * masks
        covered: Tensor = self.channels * masks.sum((1, 2, 3))
        return (differences.sum((1, 2, 3)) / covered).sqrt()

    def _prepared(self, queries: Tensor) -> Tensor:
        return reduced(queries, self.side) - self.centre


def reduced(images: Tensor, side: int) -> Tensor:
    """Images (N, C, H, W) whose longer side is at most `side`, by averaging over areas."""
    height, width = images.shape[2:]
    scale = side / max(height, width)
    if scale >= 1:
        return images
    return interpolate(images, size=(max(1, round(height * scale)), max(1, round(width * scale))), mode="area")


def _chunks(count: int, numbers: int) -> Iterator[slice]:
    """Slices of 0..count, each so long that an array of `numbers` for each fits."""
    length = max(1, _NUMBERS // max(1, numbers))
    for start in range(0, count, length):
        yield slice(start, start + length)
