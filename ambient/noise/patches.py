r"""What tells noise from detail: small patches, seen along the principal directions of all patches.

A patch of p x p pixels and C channels is a vector of d = C p^2 numbers. Noise that is white has the same variance
sigma^2 along every direction; detail has nearly none along the directions in which patches vary least. So in

    fine     the eighth of the directions along which patches vary least, and
    medium   the second quarter,

a patch's mean squares are sigma^2 plus detail, with much less detail in the first. The other half of the directions
(but the C largest, which are the patch's level) says how much texture the patch has. Under white Gaussian noise,
coordinates along different directions have independent noise, so quiet patches can be *chosen* by texture without
making the noise along the fine directions look smaller.

The directions are found on one half of the images and used on the other, and the other way round: no direction has
been chosen for the noise that it is then applied to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
        texture: Mean square along the others, each relative to its variance.
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

    def _map(self, change: Callable[[Tensor], Tensor]) -> Patches:
        names = ("image", "mean", "fine", "medium", "texture", "saturated")
        return Patches(**{name: change(getattr(self, name)) for name in names}, overlap=self.overlap)

    def take(self, index: Tensor) -> Patches:
        """Those at `index`, of its shape, of patches (M,)."""
        return self._map(lambda column: column[index])

    def gather(self, index: Tensor) -> Patches:
        """Of patches (N, n), those at (N, K) in each row."""
        return self._map(lambda column: column.gather(1, index))


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
    return torch.linspace(0, count - 1, min(count, most)).round().long().unique()


def stride_for(count: int, height: int, width: int) -> int:
    """Distance of neighbouring patches: p, or half of it where there would be few."""
    few = count * (height // SIDE) * (width // SIDE) < _FEW
    return SIDE // 2 if few and count >= 8 else SIDE


@dataclass(frozen=True)
class Half:
    """Patches of one half of a set, along the directions of the other half.

    Attributes:
        directions: Those of the other half.
        squares: Squared coordinates, (M, d).
        image: Index of each patch's image, (M,).
        mean: Mean of its pixels, (M,).
        saturated: Share of its pixels at a limit, (M,).
        overlap: As in `Patches`.
    """

    directions: Directions
    squares: Tensor
    image: Tensor
    mean: Tensor
    saturated: Tensor
    overlap: int

    def measure(self) -> Patches:
        """What is needed of them, fields of shape (M,)."""
        fine, medium, texture = self.directions.parts
        relative = self.squares[:, texture] / self.directions.variance[texture]
        means = (self.squares[:, fine].mean(1), self.squares[:, medium].mean(1), relative.mean(1))
        return Patches(self.image, self.mean, *means, self.saturated, self.overlap)


def halves(images: Tensor, saturated: Tensor) -> tuple[list[Half], float]:
    """The patches of a set of images, each along the directions of the half it is not in.

    Patches whose pixels are all equal are left out: no noise leaves them so, unless it was clipped or masked away.

    Args:
        images: (N, C, H, W).
        saturated: Which pixels lie at a limit, bool of the same shape.

    Returns:
        Both halves, and the share of patches that were left out.

    Raises:
        ValueError: If there are too few pixels to find directions in.
    """
    count, channels, height, width = images.shape
    if height < SIDE or width < SIDE:
        raise ValueError(f"images of {width}x{height} pixels are smaller than the {SIDE}x{SIDE} patches looked at")
    stride = stride_for(count, height, width)
    patches = cut(images, stride)
    shape = patches.shape[:2]
    image = torch.arange(count)[:, None].expand(shape)
    # by image; of very few images, by every second patch
    half = image % 2 if count >= 8 else torch.arange(shape.numel()).reshape(shape) % 2
    varied = patches.amax(-1) > patches.amin(-1)
    full = cut(saturated.float(), stride).mean(-1)
    least = 4 * patches.shape[2]
    if min(int((varied & (half == part)).sum()) for part in (0, 1)) < least:
        raise ValueError(
            f"{count} images of {width}x{height} pixels have {int(varied.sum())} patches of {SIDE}x{SIDE} pixels that "
            f"are not all equal: too few to tell noise from detail; at least {2 * least} are needed"
        )
    found = []
    for part in (0, 1):
        directions = Directions.of(patches[varied & (half == part)], channels)
        mine = varied & (half != part)
        chosen = patches[mine]
        squares = directions.coordinates(chosen) ** 2
        overlap = (SIDE // stride) ** 2
        found.append(Half(directions, squares, image[mine], chosen.mean(-1), full[mine], overlap))
    return found, 1 - varied.double().mean().item()


def together(parts: list[Half]) -> Patches:
    """The patches of both halves, fields of shape (M,)."""
    first, second = (part.measure() for part in parts)
    names = ("image", "mean", "fine", "medium", "texture", "saturated")
    columns = {name: torch.cat([getattr(first, name), getattr(second, name)]) for name in names}
    return Patches(**columns, overlap=first.overlap)


def of_images(images: Tensor, saturated: Tensor, directions: Directions) -> Patches:
    """All half overlapping patches of images (N, C, H, W), along given directions: fields of shape (N, n).

    Patches whose pixels are all equal count as the mean of their image's others; nan if it has no others.
    """
    stride = SIDE // 2
    patches = cut(images, stride)
    shape = patches.shape[:2]
    index = torch.arange(len(images))[:, None].expand(shape)
    full = cut(saturated.float(), stride).mean(-1)
    squares = directions.coordinates(patches).flatten(0, 1) ** 2
    means = patches.mean(-1)
    half = Half(directions, squares, index.flatten(), means.flatten(), full.flatten(), (SIDE // stride) ** 2)
    constant = patches.amax(-1) == patches.amin(-1)
    return half.measure()._map(lambda column: _replace(column.reshape(shape), constant))


def _replace(values: Tensor, constant: Tensor) -> Tensor:
    """Values (N, n) with those of constant patches replaced by the mean of the row's others; nan where there are none."""
    if not values.is_floating_point():
        return values
    others = (~constant).sum(1, keepdim=True)
    mean = torch.where(constant, 0.0, values).sum(1, keepdim=True) / others
    return torch.where(constant, mean, values)
