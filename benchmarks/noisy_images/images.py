"""The images of a split: trained on and held out, clean and noisy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient.data.images import ImageOptions, load_images, to_uint8, to_unit
from ambient.data.images.options import Channels
from ambient.data.images.subsets import subset
from ambient.data.noisy_copy import noisy_copy
from ambient.process import VE
from benchmarks.noisy_images.options import Form, NoisyImages

SETS = ("X-rays 32x32", "CIFAR-10", "X-rays 64x64")
"""In the order in which they are computed."""


@dataclass(frozen=True, eq=False)
class Split:
    """Clean images of one split.

    Attributes:
        number: Which split.
        train: Images whose noisy versions are trained on, (N, C, H, H).
        held_out: Images that no model sees, (M, C, H, H).
    """

    number: int
    train: Tensor
    held_out: Tensor

    def noisy(self, sigma: float, form: Form) -> tuple[Tensor, Tensor]:
        """The one noisy version of both, as their files hold it."""
        both = torch.cat([self.train, self.held_out])
        noisy = noisy_copy(both, VE().level(sigma), self.number, range(len(both)))
        stored = noisy if form == "float" else to_unit(to_uint8(noisy))
        return stored[: len(self.train)], stored[len(self.train) :]


def load_sets(options: NoisyImages) -> dict[str, Tensor]:
    """The images of each set that is given, (N, C, H, H) in [-1, 1], by name."""
    found = {}
    for name in SETS:
        source = options.cifar if name == "CIFAR-10" else options.xrays
        if source is not None:
            side = None if name == "CIFAR-10" else int(name.split("x")[-1])
            channels: Channels = "keep" if name == "CIFAR-10" else "grey"
            found[name] = load_images(source, ImageOptions(resolution=side, channels=channels)).images
    return found


def split_of(images: Tensor, number: int, train: int, held_out: int) -> Split:
    """A random split; `train` is at most what the held-out images leave.

    Raises:
        ValueError: If too few images are left to train on.
    """
    if len(images) < held_out + 2:
        raise ValueError(f"{len(images)} images: {held_out} are to be held out, and 2 or more to be trained on")
    order = subset(len(images), min(len(images), train + held_out), number)
    return Split(number, images[order[held_out:]], images[order[:held_out]])


def left_out(options: NoisyImages) -> Mapping[str, str]:
    """Sets that are not given, and the option that gives them."""
    missing = {}
    if options.xrays is None:
        missing["X-rays"] = "--xrays"
    if options.cifar is None:
        missing["CIFAR-10"] = "--cifar"
    return missing
