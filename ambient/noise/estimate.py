r"""The noise level of given images, what is known of it, and how it was checked.

    sigma^2 lies between bounds that quiet patches give          `bounds`, `patches`
    clipping is taken back                                       `clipping`
    two estimators that are known well must not lie below        `estimators`
    white? Gaussian? equal at all brightnesses? in all images?   `checks`

and one sentence says what follows: a level with its interval, or "cannot tell; at most B", or why no one level is
right.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from ambient.noise import estimators
from ambient.noise.anscombe import PoissonGaussian
from ambient.noise.bounds import Bound, Groups, by_brightness, by_image, combine, mean_square
from ambient.noise.checks.base import Check
from ambient.noise.checks.brightness import constancy, expected
from ambient.noise.checks.gaussian import gaussianity
from ambient.noise.checks.images import equality
from ambient.noise.checks.white import whiteness
from ambient.noise.clipping import Limits, find_limits, unclipped_bounds
from ambient.noise.patches import Directions, choose_images, evenly, halves, independent_patches, of_images, together
from ambient.noise.units import grey_levels

_AT_ONCE = 2_000_000
"""Pixels of images whose own levels are found at once."""
_CHECKED_IMAGES = 256
_EXPLAINED = 0.9
"""Share of the difference between ranges of brightness that a Poisson-Gaussian law has to explain to be named."""
_TOLERATED = 0.85
"""The other estimators may be this much smaller than the lower bound, since few patches and heavy tails lower them."""


@dataclass(frozen=True)
class ImageLevels:
    """The level of each image, all (N,) float64; nan where an image has no two pixels that differ.

    Attributes:
        sigma: The estimates.
        lower: Lower ends of their intervals (99 %), 0 where detail may be all there is.
        upper: Upper ends.
    """

    sigma: Tensor
    lower: Tensor
    upper: Tensor


@dataclass(frozen=True)
class NoiseEstimate:
    """What is known of the noise of some images in [-1, 1].

    Attributes:
        level: The level of the set: the root mean square, where there is not one.
        verdict: What is known, as a sentence.
        images: The level of each image.
        white: Whether the noise is white.
        gaussian: Whether it is Gaussian.
        constant: Whether it is the same at all brightnesses; its figures hold the Poisson-Gaussian fit if not.
        equal: Whether it is the same in all images.
        clipping: Where the images were clipped, and the share of saturated pixels.
        clipping_bias: Relative error of sigma that clipping would make, were it not taken back: -0.05 for 5 % too
            small.
        others: Medians of the other estimators over images, with clipping taken back.
        looked_at: Images that the level of the set was found on.
        constant_patches: Share of patches whose pixels are all equal, which were left out.
        channels: "grey", "colour", or "grey stored as colour", of which one channel was looked at.
    """

    level: Bound
    verdict: str
    images: ImageLevels
    white: Check
    gaussian: Check
    constant: Check
    equal: Check
    clipping: Limits
    clipping_bias: float
    others: dict[str, float]
    looked_at: int
    constant_patches: float
    channels: str

    @property
    def poisson(self) -> PoissonGaussian | None:
        """The Poisson-Gaussian noise that explains why it depends on the brightness; None if it does not, or no such
        noise does."""
        gain, offset = (self.constant.figures.get(name, 0.0) for name in ("gain", "variance at black"))
        if self.constant.holds is not False or gain <= 0 or self.constant.figures.get("explained", 0.0) < _EXPLAINED:
            return None
        return PoissonGaussian(gain, math.sqrt(max(offset, 0.0)))

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON; numbers that are not finite are null."""
        found = _plain(asdict(self))
        assert isinstance(found, dict)
        return found


def estimate(images: Tensor) -> NoiseEstimate:
    """Estimate the noise level of images, each and all.

    Args:
        images: (N, C, H, W), C = 1 or 3, at least 4x4 pixels, floating, in units in which the clean images lie in
            [-1, 1]; noise may go beyond. In memory; the level of the set is found on up to 400,000 of their patches.

    Raises:
        ValueError: If the shape, the type or a value is wrong, or there are too few pixels to tell noise from detail.
    """
    _check(images)
    images, channels = _one_if_grey(images.detach().cpu())
    limits = find_limits(images)
    index = choose_images(len(images), images[0].numel())
    chosen = images[index]
    saturated = limits.saturated(chosen)
    parts, left_out = halves(chosen, saturated)
    patches = together(parts)
    groups = by_brightness(patches, limits)
    level, constant = combine(groups), constancy(groups)
    directions = max(parts, key=lambda part: len(part.image)).directions
    own = _of_each(images, limits, directions)
    equal = _equal(own, groups, level, constant, independent_patches(images))
    if equal.holds is False and constant.holds is False:
        words = "whether it depends on the brightness cannot be told: images differ in level"
        constant = Check(None, words, constant.figures)
    gaussian = _gaussian(chosen, saturated, own, index, groups, equal, constant, level)
    level = _rms_if_different(level, groups, own, equal, constant)
    most = math.inf if equal.holds is False else level.upper
    white, pixel_bound = whiteness(parts, most, min(images.shape[2:]))
    if white.holds is False:
        level = Bound(False, level.sigma, 0.0, pixel_bound)
    others = _others(chosen, limits)
    disagree = "" if equal.holds is False else _disagreement(level, others)
    if disagree:
        level = Bound(False, level.sigma, 0.0, level.upper)
    bias = _clipping_bias(patches.saturated.mean().item(), level, limits)
    verdict = _verdict(level, white, gaussian, constant, equal, disagree)
    return NoiseEstimate(
        level, verdict, _levels(own), white, gaussian, constant, equal, limits, bias, others,
        len(index), left_out, channels,
    )  # fmt: skip


def _check(images: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(f"images must be (N, C, H, W) with C = 1 or 3, got {tuple(images.shape)}")
    if not images.is_floating_point():
        raise ValueError(f"images must be floating point numbers in units of [-1, 1], got {images.dtype}; use to_unit")
    bad = ~torch.isfinite(images).flatten(1).all(1)
    if bad.any():
        first = int(bad.int().argmax())
        raise ValueError(f"{int(bad.sum())} images hold nan or infinity, the first at index {first}")


def _one_if_grey(images: Tensor) -> tuple[Tensor, str]:
    if images.shape[1] == 1:
        return images, "grey"
    if bool((images == images[:, :1]).all()):
        return images[:, :1], "grey stored as colour"
    return images, "colour"


def _of_each(images: Tensor, limits: Limits, directions: Directions) -> Groups:
    few = max(1, _AT_ONCE // images[0].numel())
    parts = torch.split(images, few)
    return Groups.join([by_image(of_images(part, limits.saturated(part), directions), limits) for part in parts])


def _equal(own: Groups, groups: Groups, level: Bound, constant: Check, patches: float) -> Check:
    if constant.holds is False:
        return equality(own, expected(groups, own.mean), True, patches)
    usual = torch.nanmean(own.middle)
    return equality(own, usual.expand(len(own)), level.known, patches)


def _gaussian(
    chosen: Tensor,
    saturated: Tensor,
    own: Groups,
    index: Tensor,
    groups: Groups,
    equal: Check,
    constant: Check,
    level: Bound,
) -> Check:
    if equal.holds is False:
        noisy = own.interval()[0] > own.middle / 4
        variance = torch.where(noisy, own.middle, 0.0)[index]
        return gaussianity(chosen, saturated, variance, by_image=True)
    if constant.holds is False:
        return gaussianity(chosen, saturated, expected(groups, own.mean[index].nan_to_num()), by_image=False)
    if not level.known:
        return Check(None, "whether it is Gaussian cannot be told: detail is as strong as noise")
    variance = torch.full((len(chosen),), level.sigma**2, dtype=torch.float64)
    return gaussianity(chosen, saturated, variance, by_image=False)


def _rms_if_different(level: Bound, groups: Groups, own: Groups, equal: Check, constant: Check) -> Bound:
    if equal.holds is False:
        usable = torch.isfinite(own.upper)
        return mean_square(own.take(usable))
    if constant.holds is False:
        return mean_square(groups)
    return level


def _others(chosen: Tensor, limits: Limits) -> dict[str, float]:
    """Medians of the other estimators over some of the images, with clipping taken back by its mean effect."""
    some = chosen[evenly(len(chosen), _CHECKED_IMAGES)]
    if min(some.shape[2:]) < estimators.SMALLEST_SIDE:
        return {}
    share = limits.saturated(some).double().mean()
    found = {"wavelet": estimators.wavelet(some), "patch eigenvalue": estimators.patch_eigenvalue(some)}
    medians = {}
    for name, sigmas in found.items():
        median = torch.nanmedian(sigmas)
        if torch.isfinite(median):
            least, most = unclipped_bounds(median[None] ** 2, share[None], limits)
            medians[name] = ((least + most) / 2).sqrt().item()
    return medians


def _disagreement(level: Bound, others: dict[str, float]) -> str:
    if not level.known:
        return ""
    low = [f"{name} {sigma:.3f}" for name, sigma in others.items() if sigma < _TOLERATED * level.lower]
    return " and ".join(low)


def _clipping_bias(share: float, level: Bound, limits: Limits) -> float:
    """Relative error of sigma if all places, at their share of saturated pixels, were read as they are stored."""
    if not limits.clipped or level.sigma <= 0:
        return 0.0
    variance = torch.tensor([level.sigma**2], dtype=torch.float64)
    least, most = unclipped_bounds(variance, torch.tensor([share]), limits)
    true = (least + most).item() / 2
    return math.sqrt(variance.item() / true) - 1 if math.isfinite(true) and true > 0 else 0.0


def _levels(own: Groups) -> ImageLevels:
    lower, upper = own.interval()
    return ImageLevels(own.middle.clamp_min(0).sqrt(), lower.clamp_min(0).sqrt(), upper.sqrt())


def _verdict(level: Bound, white: Check, gaussian: Check, constant: Check, equal: Check, disagree: str) -> str:
    if white.holds is False:
        sentence = (
            f"The noise is not white, and one level does not describe it; a pixel's is at most {_level(level.upper)}."
        )
    elif disagree:
        sentence = f"Cannot tell: the estimators disagree ({disagree} is smaller); at most {_level(level.upper)}."
    elif not level.known:
        sentence = f"Cannot tell: detail may be as strong as noise; at most {_level(level.upper)}, if it is white."
    else:
        kind = "Root mean square level" if False in (constant.holds, equal.holds) else "Level"
        sentence = f"{kind} {_level(level.sigma)}, between {level.lower:.3f} and {level.upper:.3f}."
    failed = [check.words for check in (white, gaussian, constant, equal) if check.holds is False]
    return " ".join([sentence, *(f"{words[0].upper()}{words[1:]}." for words in failed)])


def _level(sigma: float) -> str:
    return f"{sigma:.3f} ({grey_levels(sigma):.1f} grey levels of 255)"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Tensor):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
