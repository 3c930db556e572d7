r"""What tells noise from detail: small patches, seen along the principal directions of all patches.

A patch of p x p pixels and C channels is a vector of d = C p^2 numbers. Noise that is white has the same variance
sigma^2 along every direction; detail has nearly none along the directions in which patches vary least. So in

    fine     the eighth of the directions along which patches vary least, and
    medium   the second quarter,

a patch's mean squares are sigma^2 plus detail, with much less detail in the first. The other half of the directions
(but the C largest, which are the patch's level) says how much texture a patch has. A patch counts as quiet if the
patches *around* it have little texture. They share no pixel with it, so that choosing quiet patches does not choose
patches whose own noise happens to be small.

The directions are found on one half of the images and used on the other, and the other way round: no direction has
been chosen for the noise that it is then applied to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

SIDE = 4
"""Side p of the patches."""
_MOST = 400_000
"""Patches that are looked at together; of larger sets, evenly spaced images."""
_FEW = 20_000
"""Below this, patches overlap by half."""


@dataclass(frozen=True)
class Patches:
    """Some patches, in any arrangement: all fields have one shape.

    Attributes:
        image: Index of the image of each.
        mean: Mean of its pixels.
        fine: Mean square along the fine directions.
        medium: Mean square along the medium directions.
        texture: Mean, over the patches around it, of the mean square along the other directions relative to their
            variance; infinite next to patches whose pixels are all equal.
        saturated: Share of its pixels at a limit.
        overlap: How many patches cover a pixel: statistical errors of M patches are computed as if of M / overlap.
    """

    image: Tensor
    mean: Tensor
    fine: Tensor
    medium: Tensor
    texture: Tensor
    saturated: Tensor
    overlap: int

    def __len__(self) -> int:
        return len(self.image)

    def map(self, change: Callable[[Tensor], Tensor]) -> Patches:
        """Change each field."""
        names = ("image", "mean", "fine", "medium", "texture", "saturated")
        return Patches(**{name: change(getattr(self, name)) for name in names}, overlap=self.overlap)

    def take(self, index: Tensor) -> Patches:
        """Those at `index`, of its shape, of patches (M,)."""
        return self.map(lambda column: column[index])

    def gather(self, index: Tensor) -> Patches:
        """Of patches (N, n), those at (N, K) in each row."""
        return self.map(lambda column: column.gather(1, index))


@dataclass(frozen=True)
class Directions:
    """Principal directions of patches.

    Attributes:
        centre: Mean patch, (d,).
        basis: Directions as columns, (d, d), by growing variance.
        variance: Variance along each, (d,).
        channels: C.
    """

    centre: Tensor
    basis: Tensor
    variance: Tensor
    channels: int

    @classmethod
    def of(cls, patches: Tensor, channels: int) -> Directions:
        """Those of patches (M, d)."""
        variance, basis = torch.linalg.eigh(torch.cov(patches.T))
        return cls(patches.mean(0), basis, variance.clamp_min(1e-12), channels)

    def coordinates(self, patches: Tensor) -> Tensor:
        """Patches (..., d) along the directions."""
        return (patches - self.centre) @ self.basis

    @property
    def parts(self) -> tuple[slice, slice, slice]:
        """The fine, the medium and the texture directions."""
        d = len(self.variance)
        return slice(0, max(1, d // 8)), slice(d // 4, d // 2), slice(d // 2, d - self.channels)


def cut(images: Tensor, stride: int) -> Tensor:
    """All patches of images (N, C, H, W): (N, n, d) float64, from left to right and from top to bottom."""
    windows = images.double().unfold(2, SIDE, stride).unfold(3, SIDE, stride)  # (N, C, h, w, p, p)
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def choose_images(count: int, pixels: int) -> Tensor:
    """Indices of evenly spaced images out of `count` of `pixels` pixels each, (K,), so that their patches fit."""
    most = max(8, _MOST * SIDE**2 // pixels)
    return evenly(count, most)


def evenly(count: int, most: int) -> Tensor:
    """At most `most` evenly spaced indices below `count`, (K,)."""
    if count <= most:
        return torch.arange(count)
    return torch.linspace(0, count - 1, most, dtype=torch.float64).round().long()


def independent_patches(images: Tensor) -> float:
    """Number of half overlapping patches of each image, divided by how many cover a pixel."""
    step = SIDE // 2
    height, width = images.shape[2:]
    return ((height - SIDE) // step + 1) * ((width - SIDE) // step + 1) / (SIDE // step) ** 2


def stride_for(count: int, height: int, width: int) -> int:
    """Distance of neighbouring patches: p, or half of it where there would be few."""
    few = count * (height // SIDE) * (width // SIDE) < _FEW
    return SIDE // 2 if few and count >= 8 else SIDE


@dataclass(frozen=True)
class Half:
    """Patches of one half of a set, along the directions of the other half; fields of one shape S.

    Attributes:
        directions: Those of the other half.
        squares: Squared coordinates, (*S, d).
        image: Index of each patch's image.
        mean: Mean of its pixels.
        texture: As in `Patches`.
        saturated: Share of its pixels at a limit.
        constant: Whether its pixels are all equal.
        overlap: As in `Patches`.
    """

    directions: Directions
    squares: Tensor
    image: Tensor
    mean: Tensor
    texture: Tensor
    saturated: Tensor
    constant: Tensor
    overlap: int

    @classmethod
    def of(cls, images: Tensor, saturated: Tensor, directions: Directions, stride: int) -> Half:
        """All patches of images (N, C, H, W): S = (N, n)."""
        patches = cut(images, stride)
        count, places = patches.shape[:2]
        squares = directions.coordinates(patches) ** 2
        constant = patches.amax(-1) == patches.amin(-1)
        _, _, others = directions.parts
        own = (squares[..., others] / directions.variance[others]).mean(-1)
        own = torch.where(constant, torch.inf, own)
        rows = (images.shape[2] - SIDE) // stride + 1
        texture = _around(own.reshape(count, rows, -1), SIDE // stride).reshape(count, places)
        image = torch.arange(count)[:, None].expand(count, places)
        full = cut(saturated.float(), stride).mean(-1)
        return cls(directions, squares, image, patches.mean(-1), texture, full, constant, (SIDE // stride) ** 2)

    def varied(self) -> Half:
        """Without the patches whose pixels are all equal: S = (M,)."""
        keep = ~self.constant
        columns = ("squares", "image", "mean", "texture", "saturated", "constant")
        return replace(self, **{name: getattr(self, name)[keep] for name in columns})

    def measure(self) -> Patches:
        """What is needed of them, fields of shape S."""
        fine, medium, _ = self.directions.parts
        squares = (self.squares[..., fine].mean(-1), self.squares[..., medium].mean(-1))
        return Patches(self.image, self.mean, *squares, self.texture, self.saturated, self.overlap)


def halves(images: Tensor, saturated: Tensor) -> tuple[list[Half], float]:
    """The patches of a set of images, each along the directions of the half it is not in.

    Patches whose pixels are all equal are left out: no noise leaves them so, unless it was clipped or masked away.

    Args:
        images: (N, C, H, W).
        saturated: Which pixels lie at a limit, bool of the same shape.

    Returns:
        Both halves, with fields of shape (M,), and the share of patches that were left out.

    Raises:
        ValueError: If there are too few pixels to find directions in.
    """
    count, channels, height, width = images.shape
    if height < SIDE or width < SIDE:
        raise ValueError(f"images of {width}x{height} pixels are smaller than the {SIDE}x{SIDE} patches looked at")
    stride = stride_for(count, height, width)
    parts, full = _split(images), _split(saturated)
    seen = [cut(part, stride).flatten(0, 1) if part.shape[2] >= SIDE else torch.empty(0) for part in parts]
    varied = [patches[patches.amax(1) > patches.amin(1)] if len(patches) else patches for patches in seen]
    least = 4 * channels * SIDE**2
    if min(map(len, varied)) < least:
        raise ValueError(
            f"{count} images of {width}x{height} pixels have {sum(map(len, varied))} patches of {SIDE}x{SIDE} pixels "
            f"that are not all equal: too few to tell noise from detail; at least {2 * least} are needed"
        )
    found = []
    for part, at_limit, other in zip(parts, full, varied[::-1], strict=True):
        found.append(Half.of(part, at_limit, Directions.of(other, channels), stride).varied())
    return found, 1 - sum(map(len, varied)) / sum(map(len, seen))


def together(parts: list[Half]) -> Patches:
    """The patches of both halves, fields of shape (M,); their images are counted anew."""
    first, second = (part.measure() for part in parts)
    names = ("image", "mean", "fine", "medium", "texture", "saturated")
    columns = {name: torch.cat([getattr(first, name), getattr(second, name)]) for name in names}
    return Patches(**columns, overlap=first.overlap)


def of_images(images: Tensor, saturated: Tensor, directions: Directions) -> Patches:
    """All half overlapping patches of images (N, C, H, W), along given directions: fields of shape (N, n).

    Patches whose pixels are all equal count as the mean of their image's others; nan if it has no others.
    """
    half = Half.of(images, saturated, directions, SIDE // 2)
    return half.measure().map(lambda column: _replace(column, half.constant))


def _split(images: Tensor) -> tuple[Tensor, Tensor]:
    """Every second image and the others; of fewer than eight, their upper and their lower halves."""
    if len(images) >= 8:
        return images[::2], images[1::2]
    middle = images.shape[2] // 2
    return images[:, :, :middle], images[:, :, middle:]


def _around(texture: Tensor, step: int) -> Tensor:
    """Mean of the up to eight neighbours, `step` places away, of each of (N, h, w); 0 where there are none."""
    ring = torch.ones(1, 1, 3, 3, dtype=texture.dtype)
    ring[..., 1, 1] = 0
    infinite = torch.isinf(texture)
    finite = torch.where(infinite, 0.0, texture)
    stacked = torch.stack([finite, torch.ones_like(texture), infinite.to(texture.dtype)], 1).flatten(0, 1)[:, None]
    sums = torch.nn.functional.conv2d(stacked, ring, padding=step, dilation=step)[:, 0]
    total, number, unusable = sums.reshape(len(texture), 3, *texture.shape[1:]).unbind(1)
    return torch.where(unusable > 0, torch.inf, total / number.clamp_min(1))


def _replace(values: Tensor, constant: Tensor) -> Tensor:
    """Values (N, n), those of constant patches replaced by the mean of the row's others; nan if there are none."""
    if not values.is_floating_point():
        return values
    others = (~constant).sum(1, keepdim=True)
    mean = torch.where(constant, 0.0, values).sum(1, keepdim=True) / others
    return torch.where(constant, mean, values)
