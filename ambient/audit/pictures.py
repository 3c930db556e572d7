"""Pictures of an audit: a training image seen as its sample shows it, and pairs side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import grid_sample

from ambient.audit.warps import Warps
from ambient.data.images import to_uint8

if TYPE_CHECKING:
    from ambient.audit.auditing import Pair

_GAP, _SHOWN = 4, 64


def seen_through(image: Tensor, family: Warps, i: int) -> tuple[Tensor, Tensor]:
    """A training image as a sample that warp i matched to it shows it, and where that lies inside the image.

    Args:
        image: (C, H, W), of any size.
        family: The warps, of images of the same form.
        i: Which.

    Returns:
        (C, H, W), with the border's pixels where the window leaves the image; and (H, W) bool.
    """
    zoom, mirrored = float(family.zooms[i]), bool(family.flips[i])
    grids = []
    for axis, side in enumerate(image.shape[1:]):
        offset = float(family.offsets[i, axis]) / family.size[axis]
        grids.append(offset + zoom * (torch.arange(side) + 0.5) / side)
    down, across = grids[0], grids[1].flip(0) if mirrored else grids[1]
    grid = torch.stack(torch.meshgrid(across, down, indexing="xy"), 2) * 2 - 1
    drawn = grid_sample(image[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)
    return drawn[0], (grid.abs() <= 1).all(2)


def correlation(image: Tensor, other: Tensor, where: Tensor) -> float:
    """Pearson correlation of two images (C, H, W) over (H, W) bool; 0 if either is constant there."""
    a, b = (x[:, where].double().flatten() for x in (image, other))
    a, b = a - a.mean(), b - b.mean()
    norm = float(a.norm() * b.norm())
    return float(a @ b) / norm if norm > 0 else 0.0


def png(image: Tensor) -> bytes:
    """An image (C, H, W) in [-1, 1] as a PNG file."""
    pixels = to_uint8(image).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def data_uri(image: Tensor, side: int = 160) -> str:
    """An image (C, H, W) as a data URI of a PNG, reduced to at most `side` pixels."""
    shown = Image.open(io.BytesIO(png(image)))
    shown.thumbnail((side, side))
    file = io.BytesIO()
    shown.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def pairs_picture(pairs: Sequence[Pair], columns: int = 12) -> bytes:
    """Samples above, the training images that they resemble below, the nearest first, as a PNG file."""
    columns = min(columns, len(pairs))
    rows = -(-len(pairs) // columns)
    tile = _SHOWN + _GAP
    sheet = Image.new("RGB", (columns * tile + _GAP, rows * (2 * tile + _GAP) + _GAP), "white")
    for i, pair in enumerate(pairs):
        left, top = _GAP + (i % columns) * tile, _GAP + (i // columns) * (2 * tile + _GAP)
        for j, image in enumerate((pair.image, pair.match)):
            shown = Image.open(io.BytesIO(png(image))).convert("RGB")
            scale = _SHOWN / max(shown.size)
            size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
            how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
            sheet.paste(shown.resize(size, how), (left, top + j * tile))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()
