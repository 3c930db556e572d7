"""Copies made on purpose, of each kind that is looked for: how many of them are found is how well copies are found."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor
from torch.nn.functional import interpolate, pad

from ambient.audit.warps import SHIFT, ZOOMS
from ambient.data.images.pixels import to_uint8, to_unit

QUALITY = 75
"""Quality of the JPEG files that copies are saved in: Pillow's default."""


def saved_again(images: Tensor, source: Generator) -> Tensor:
    """Images through a JPEG file of quality `QUALITY`."""
    return to_unit(torch.stack([_through_jpeg(image) for image in to_uint8(images)]))


def mirrored(images: Tensor, source: Generator) -> Tensor:
    """Images with their columns reversed, saved again."""
    return saved_again(images.flip(3), source)


def shifted(images: Tensor, source: Generator) -> Tensor:
    """Images moved by whole pixels, up to `SHIFT` of the side and at least one; borders repeat their last pixel."""
    return torch.cat([_shift(image[None], source) for image in images])


def cropped(images: Tensor, source: Generator) -> Tensor:
    """Crops of between the smallest of `ZOOMS` and the whole, at a random place, resized to full size."""
    return torch.cat([_crop(image[None], source) for image in images])


KINDS: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "saved again": saved_again,
    "mirrored": mirrored,
    "shifted": shifted,
    "cropped": cropped,
}
"""The kinds of copies, each a function of images (N, C, H, W) in [-1, 1] and a generator."""


def _through_jpeg(pixels: Tensor) -> Tensor:
    array = pixels.permute(1, 2, 0).numpy()
    grey = array.shape[2] == 1
    file = io.BytesIO()
    Image.fromarray(array[:, :, 0] if grey else array).save(file, "JPEG", quality=QUALITY)
    found = torch.from_numpy(np.array(Image.open(file)))
    return found[None] if grey else found.permute(2, 0, 1)


def _shift(image: Tensor, source: Generator) -> Tensor:
    most = [max(1, int(SHIFT * side)) for side in image.shape[2:]]
    down, across = (int(torch.randint(-m, m + 1, (), generator=source)) for m in most)
    height, width = image.shape[2:]
    padded = pad(image, (most[1], most[1], most[0], most[0]), mode="replicate")
    top, left = most[0] + down, most[1] + across
    return padded[:, :, top : top + height, left : left + width]


def _crop(image: Tensor, source: Generator) -> Tensor:
    height, width = image.shape[2:]
    zoom = min(ZOOMS) + (1 - min(ZOOMS)) * float(torch.rand((), generator=source))
    rows, columns = (min(side - 1, max(1, round(zoom * side))) for side in (height, width))
    top = int(torch.randint(height - rows + 1, (), generator=source))
    left = int(torch.randint(width - columns + 1, (), generator=source))
    part = image[:, :, top : top + rows, left : left + columns]
    return interpolate(part, size=(height, width), mode="bilinear", antialias=True, align_corners=False)
