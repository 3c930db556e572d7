r"""From patches to a level that is known, or to a bound.

Noise that is independent of the image adds sigma^2 to the variance along each direction of patches. So the mean square
v along the fine directions (`ambient.noise.patches`) is an upper bound of sigma^2, in any choice of patches that was
not made by the noise along them; it is nearest in quiet patches. What it lacks is how much of v is detail. There is no
answer without knowing something of images, and this is what is assumed of them:

    *in quiet patches, detail along the medium directions is at least 1 + 1/kappa times that along the fine ones.*

With w the mean square along the medium directions, detail along the fine ones is then at most kappa (w - v), so

    v - kappa (w - v)  <=  sigma^2  <=  v,        kappa = 1,

up to statistical error; the estimate takes kappa = 0.4, the ratio 3.5 that is typical. Clean X-rays have ratios of 2.4
to 5 in every range of brightness, clean CIFAR-10 images 7 to 15; it was shaped on these two. Where detail is as
strong as noise, w - v is as large as v and the lower bound falls to nothing: the data cannot tell, and the rule says
so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ambient.noise.clipping import Limits, unclipped_bounds
from ambient.noise.patches import Patches

KAPPA, TYPICAL_KAPPA = 1.0, 0.4
DEVIATIONS = 2.6
"""Half width of intervals in standard errors: 99 %."""
_MODEL_ERROR = 0.02
"""Relative error of sigma allowed for what the rule leaves out."""
_WIDEST = 0.15
"""Half width of an interval, relative to its middle, up to which a level is called known."""
GRAIN = 0.02
"""Levels below this, 2.5 grey levels of 255, cannot be told from the grain that clean files have themselves."""
_RANGES = 8
_SHARES = (0.1, 0.3, 1.0)
"""Shares of quiet patches that are tried: fewer have less detail and more statistical error."""
_IMAGE_SHARES = (0.3, 1.0)
FEWEST = 8
"""Patches, overlap taken off, that an image's own level and its error need."""
_LEAST_PATCHES = 200


@dataclass(frozen=True)
class Bound:
    """What is known of a noise level, for images in [-1, 1].

    Attributes:
        known: Whether the interval is narrow enough to be called an estimate.
        sigma: The estimate; where it is not known, the likeliest value, for diagnosis only.
        lower: Lower end of the interval; 0 where it is not known.
        upper: Upper end: the level is at most this.
    """

    known: bool
    sigma: float
    lower: float
    upper: float

    @classmethod
    def of_squares(cls, lower: float, middle: float, upper: float) -> Bound:
        """The statement that bounds of sigma^2 make."""
        low = max(lower, 0.0) ** 0.5 * (1 - _MODEL_ERROR)
        high = max(upper, 0.0) ** 0.5 * (1 + _MODEL_ERROR)
        sigma = min(max(max(middle, 0.0) ** 0.5, low), high)
        known = low > 0 and high < float("inf") and (high - low) <= _WIDEST * (high + low) and sigma >= GRAIN
        return cls(known, sigma, low if known else 0.0, high)

    def contains(self, sigma: float) -> bool:
        """Whether the interval does."""
        return self.lower <= sigma <= self.upper


@dataclass(frozen=True)
class Groups:
    """What each of G groups of patches says of sigma^2; all fields are (G,) float64.

    Attributes:
        mean: Mean of their pixels.
        lower: Lower bound of sigma^2, its statistical error not yet taken off.
        middle: The estimate.
        upper: Upper bound, its statistical error not yet added.
        lower_error: Standard error of `lower`.
        upper_error: Standard error of `upper`.
        saturated: Share of their pixels at a limit.
    """

    mean: Tensor
    lower: Tensor
    middle: Tensor
    upper: Tensor
    lower_error: Tensor
    upper_error: Tensor
    saturated: Tensor

    def __len__(self) -> int:
        return len(self.mean)

    def interval(self, deviations: float = DEVIATIONS) -> tuple[Tensor, Tensor]:
        """Bounds of sigma^2 with their statistical error, (G,) each."""
        return self.lower - deviations * self.lower_error, self.upper + deviations * self.upper_error

    @property
    def width(self) -> Tensor:
        """That of the interval, (G,)."""
        lower, upper = self.interval()
        return (upper - lower).clamp_min(1e-12)

    def take(self, index: Tensor) -> Groups:
        """Those at `index`."""
        return Groups(*(getattr(self, field.name)[index] for field in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[Groups]) -> Groups:
        """All groups of several."""
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    @classmethod
    def narrowest(cls, choices: Sequence[Groups]) -> Groups:
        """For each group, which of several choices of its patches leaves the narrowest interval."""
        best = torch.stack([choice.width for choice in choices]).argmin(0)[None]
        return cls(*(torch.stack([getattr(c, f.name) for c in choices]).gather(0, best)[0] for f in fields(cls)))


def of_groups(patches: Patches, limits: Limits) -> Groups:
    """What groups of patches say.

    Args:
        patches: With fields of shape (G, K): K patches in each group.
        limits: Where pixels were clipped.
    """
    root = max(patches.fine.shape[1] / patches.overlap, 2.0) ** 0.5
    fine, medium = patches.fine.mean(1), patches.medium.mean(1)
    gap = (medium - fine).clamp_min(0)
    fine_error, medium_error = patches.fine.std(1) / root, patches.medium.std(1) / root
    lower_error = (((1 + KAPPA) * fine_error) ** 2 + (KAPPA * medium_error) ** 2).sqrt()
    saturated = patches.saturated.mean(1)
    lower, _ = unclipped_bounds((fine - KAPPA * gap).clamp_min(0), saturated, limits)
    least, most = unclipped_bounds((fine - TYPICAL_KAPPA * gap).clamp_min(0), saturated, limits)
    _, upper = unclipped_bounds(fine, saturated, limits)
    stretch = torch.where(fine > 0, upper / fine.clamp_min(1e-300), 1.0)
    middle = (least + most) / 2
    return Groups(patches.mean.mean(1), lower, middle, upper, stretch * lower_error, stretch * fine_error, saturated)


def by_brightness(patches: Patches, limits: Limits) -> Groups:
    """What the patches of each of eight ranges of brightness say.

    Args:
        patches: Of a set, with fields of shape (M,).
        limits: Where pixels were clipped; the correction is made range by range.
    """
    parts = max(1, min(_RANGES, len(patches) // (2 * _LEAST_PATCHES)))
    found = []
    for index in patches.mean.argsort().chunk(parts):
        order = index[patches.texture[index].argsort()]
        counts = {min(len(order), max(_LEAST_PATCHES, round(share * len(order)))) for share in _SHARES}
        choices = [of_groups(patches.take(order[None, :count]), limits) for count in sorted(counts)]
        found.append(Groups.narrowest(choices))
    return Groups.join(found)


def by_image(patches: Patches, limits: Limits) -> Groups:
    """What the patches of each image say.

    Args:
        patches: With fields of shape (N, n).
        limits: Where pixels were clipped.
    """
    order = patches.texture.argsort(1)
    counts = sorted({round(share * order.shape[1]) for share in _IMAGE_SHARES})
    counts = [count for count in counts if count / patches.overlap >= FEWEST] or counts[-1:]
    choices = [of_groups(patches.gather(order[:, :count]), limits) for count in counts]
    # one share for all images: a choice image by image would favour, by chance, what happens to vary little
    return min(choices, key=lambda choice: choice.width.nanmean().item())


def combine(groups: Groups) -> Bound:
    """One level from groups that share it: their mean, weighted by how narrow each one's interval is."""
    weights = groups.width**-2
    weights = weights / weights.sum()
    below = (weights**2 * groups.lower_error**2).sum().sqrt()
    above = (weights**2 * groups.upper_error**2).sum().sqrt()
    lower = (weights * groups.lower).sum() - DEVIATIONS * below
    upper = (weights * groups.upper).sum() + DEVIATIONS * above
    return Bound.of_squares(lower.item(), (weights * groups.middle).sum().item(), upper.item())


def mean_square(groups: Groups) -> Bound:
    """The root mean square of levels that differ from group to group."""
    below = groups.lower_error.square().mean().sqrt() / len(groups) ** 0.5
    above = groups.upper_error.square().mean().sqrt() / len(groups) ** 0.5
    lower = groups.lower.mean() - DEVIATIONS * below
    upper = groups.upper.mean() + DEVIATIONS * above
    return Bound.of_squares(lower.item(), groups.middle.mean().item(), upper.item())
