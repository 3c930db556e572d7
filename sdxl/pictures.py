"""Images as PNG files: single ones, grids of them, and folders of images by their numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ambient.data.images import to_uint8, to_unit
from ambient.runs.files import write_atomically
from ambient.runs.pictures import pixels_of


def name_of(index: int) -> str:
    """The file of an image, in a folder for each thousand."""
    return f"{index // 1000:05d}/{index:08d}.png"


def read_images(folder: Path, rows: range) -> Tensor:
    """Some images of a folder, (b, 3, H, W) float32 in [-1, 1].

    Raises:
        DamagedFileError: If one is damaged, naming it.
    """
    arrays = [pixels_of(folder / name_of(i)) for i in rows]
    return to_unit(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2))


def save_png(path: Path, image: Tensor) -> None:
    """Write an image (3, H, W) in [-1, 1], atomically."""
    pixels = to_uint8(image).permute(1, 2, 0).numpy()
    write_atomically(path, lambda file: Image.fromarray(pixels).save(file, format="PNG"))


def save_grid(path: Path, images: Tensor, columns: int = 4) -> None:
    """Write images (N, 3, H, W) in [-1, 1] side by side, `columns` a row."""
    blank = torch.ones(-len(images) % columns, *images.shape[1:])
    cells = torch.cat([images, blank])
    channels, height, width = images.shape[1:]
    rows = cells.reshape(-1, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    save_png(path, rows.reshape(channels, -1, columns * width))
