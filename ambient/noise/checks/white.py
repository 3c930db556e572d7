r"""Is the noise white: uncorrelated between pixels and between channels, with one variance everywhere?

White noise has one variance along all directions of patches. So has no detail; but what differs between directions may
be either. They are told apart by where they are: noise is in every patch alike, detail is in some. Where the variance
v_j along a direction is (nearly) the same in quiet patches as in all, and coordinates have a normal distribution's
tails, it is noise; and if it is noise in several directions but differs between them, the noise is not white. The
directions along which patches vary most, their levels and slopes, are left out: a smooth image has them everywhere.
Patches are quiet if those around them are (`ambient.noise.patches`).

Noise of autocovariance r(D) at the lags D has v_j = sum_D r(D) b_j^T T_D b_j along a direction b_j, where T_D pairs the
pixels of a patch that are D apart: a linear regression on these directions gives r, and r(lag) / r(0), the correlation
of neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ambient.noise.checks.base import Check
from ambient.noise.patches import SIDE, Half

_RANGES = 8
_QUIET = 0.2
_ALIKE = 1.22
"""Largest ratio of the variance in all patches to that in quiet ones, for a direction that holds noise nearly alone."""
_LEAST_SIDE = 20
"""Of images of fewer pixels, patches around a patch do not tell whether it is quiet. From this side on, all patches of
clean X-rays and CIFAR-10 images have 2.5 to 7 times the detail of quiet ones; at 2.5, the bound above leaves 15 % of
it."""
_MOST_EXCESS = 0.7
"""Largest excess kurtosis of coordinates along such a direction; a pixel's own is divided by about 10 in them."""
_MOST_RATIO = 1.3
"""Largest ratio of noise variances between directions, for white noise: 14 % in sigma."""
_LEAST_DIRECTIONS, _LEAST_EQUATIONS = 2, 12
_MOST_CONDITION = 50.0
"""Condition number of the regression above which its directions do not tell the lags apart."""


@dataclass(frozen=True)
class _Variances:
    """Along K directions (of both halves): the directions (K, d), their ranks, the variances in quiet and in all
    patches, the excess kurtosis in quiet ones, and the standard error of the variance there."""

    basis: Tensor
    rank: Tensor
    quiet: Tensor
    all: Tensor
    excess: Tensor
    error: Tensor

    def only(self, which: Tensor) -> _Variances:
        return _Variances(*(getattr(self, field.name)[which] for field in fields(self)))


def whiteness(parts: list[Half], upper: float, side: int) -> tuple[Check, float]:
    """Check whether noise is white.

    Args:
        parts: Both halves of the patches.
        upper: Upper bound of sigma, if the noise is white and the same in all images; else infinite.
        side: The shorter side of the images.

    Returns:
        The check, and an upper bound of the standard deviation of a pixel's noise that does not take it for white.
    """
    channels = parts[0].directions.channels
    variances = _variances(parts)
    bound = variances.quiet.mean().item() ** 0.5
    noise = variances.only(_holds_noise(variances, channels))
    size = len(noise.quiet)
    if side < _LEAST_SIDE or size < 4 * _LEAST_DIRECTIONS:
        plain = _spread_with_detail(variances)
        if plain <= _MOST_RATIO:
            words = f"white, as far as seen: detail included, its variance differs by {plain - 1:.0%}"
            return Check(True, words, {"ratio": plain}), bound
    if side < _LEAST_SIDE:
        return Check(None, "whether it is white cannot be told: the images are too small"), bound
    if size < _LEAST_DIRECTIONS:
        return Check(None, "whether it is white cannot be told: detail is in nearly all directions of patches"), bound
    order = noise.rank.argsort()
    third = max(size // 3, 1)
    low, high = noise.quiet[order[:third]].mean().item(), noise.quiet[order[-third:]].mean().item()
    error = high / low * (noise.error / noise.quiet)[order[[0, -1]]].square().sum().sqrt().item()
    correlations = _correlations(noise, channels)
    figures = {"ratio": high / low, "directions": float(size), **correlations}
    if high / low > _MOST_RATIO + 3 * error:
        words = f"not white: its variance differs {high / low:.1f}-fold between directions of patches"
        return Check(False, _with(words, correlations), figures), bound
    if high > _ALIKE * _MOST_RATIO * upper**2:
        words = f"not white: along some directions of patches it is at most {upper:.3f}, along others {high**0.5:.3f}"
        return Check(False, _with(words, correlations), figures), bound
    if size < 4 * _LEAST_DIRECTIONS:
        return Check(None, "whether it is white cannot be told: detail is in most directions of patches"), bound
    return Check(
        True, f"white, as far as seen: its variance differs by {high / low - 1:.0%} between directions", figures
    ), bound


def _with(words: str, correlations: dict[str, float]) -> str:
    if not correlations:
        return words
    named = ", ".join(f"{name} {value:+.2f}" for name, value in correlations.items())
    return f"{words}; correlation of neighbours about: {named}"


def _spread_with_detail(variances: _Variances) -> float:
    """Ratio of variances, detail included, between the second and the first quarter of the directions."""
    d = variances.basis.shape[1]
    first, second = variances.rank < d // 4, (variances.rank >= d // 4) & (variances.rank < d // 2)
    return (variances.all[second].mean() / variances.all[first].mean().clamp_min(1e-30)).item()


def _holds_noise(variances: _Variances, channels: int) -> Tensor:
    """Which directions hold noise nearly alone, (K,)."""
    alike = variances.all <= _ALIKE * variances.quiet
    alike &= variances.excess.abs() <= _MOST_EXCESS
    return alike & (variances.rank < variances.basis.shape[1] - 3 * channels)


def _variances(parts: list[Half]) -> _Variances:
    found = []
    for half in parts:
        rank = half.mean.argsort().argsort()
        quiet = half.squares[_quietest(half.texture, rank * _RANGES // len(rank))]
        mean = quiet.mean(0)
        excess = (quiet**2).mean(0) / mean.clamp_min(1e-30) ** 2 - 3
        error = quiet.std(0) / max(len(quiet) / half.overlap, 2.0) ** 0.5
        order = torch.arange(len(mean))
        found.append((half.directions.basis.T, order, mean, half.squares.mean(0), excess, error))
    return _Variances(*(torch.cat(columns) for columns in zip(*found, strict=True)))


def _quietest(texture: Tensor, stratum: Tensor) -> Tensor:
    """Indices of the fifth with the least texture in each stratum."""
    order = texture.argsort()
    order = order[stratum[order].argsort(stable=True)]  # by stratum, then by texture
    counts = torch.bincount(stratum)
    place = torch.arange(len(order)) - (counts.cumsum(0) - counts)[stratum[order]]
    return order[place < (_QUIET * counts).ceil()[stratum[order]]]


def _correlations(noise: _Variances, channels: int) -> dict[str, float]:
    """Correlations at the nearest lags, by name; none where the directions do not tell them apart."""
    if len(noise.quiet) < _LEAST_EQUATIONS:
        return {}
    basis = noise.basis.reshape(len(noise.basis), channels, SIDE, SIDE)
    names = {"across": (0, 1), "down": (1, 0), "diagonal": (1, 1)}
    columns = [(basis**2).sum((1, 2, 3))]
    columns += [2 * _pairs(basis, *lag) for lag in (*names.values(), (0, 2), (2, 0))]
    if channels > 1:
        names["between channels"] = (0, 0)
        total = basis.sum(1)
        columns.append((total**2).sum((1, 2)) - columns[0])
    design = torch.stack(columns, 1) / noise.quiet[:, None]
    if torch.linalg.cond(design / design.norm(dim=0)).item() > _MOST_CONDITION:
        return {}
    solution = torch.linalg.lstsq(design, torch.ones(len(design), 1, dtype=design.dtype), driver="gelsd").solution[:, 0]
    places = [1, 2, 3, len(columns) - 1][: len(names)]
    return {name: (solution[i] / solution[0]).item() for name, i in zip(names, places, strict=True)}


def _pairs(basis: Tensor, down: int, across: int) -> Tensor:
    """Sum of products of pixels that lie `down` and `across` apart, (K,); for a diagonal, the mean of both."""
    products = (basis[..., down:, across:] * basis[..., : SIDE - down, : SIDE - across]).sum((1, 2, 3))
    if down and across:
        products = products + (basis[..., down:, : SIDE - across] * basis[..., : SIDE - down, across:]).sum((1, 2, 3))
    return products
