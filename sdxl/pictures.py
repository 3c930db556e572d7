"""Images as PNG files: single ones, grids of them, and folders of images by their numbers."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ambient.data.images import to_uint8, to_unit
from ambient.runs.files import write_atomically


def name_of(index: int) -> str:
    """The file of an image, in a folder for each thousand."""
    return f"{index // 1000:05d}/{index:08d}.png"


def is_whole_png(path: Path) -> bool:
    """Whether a PNG file is there and undamaged, by the checksums in it; a damaged one is said to be made again."""
    if not path.exists():
        return False
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.verify()
    except (OSError, SyntaxError, ValueError) as error:
        warnings.warn(f"{path} is damaged ({error}); it is made again", stacklevel=2)
        return False
    return True


def read_images(folder: Path, rows: range) -> Tensor:
    """Some images of a folder, (b, 3, H, W) float32 in [-1, 1].

    Raises:
        OSError: If one is missing or damaged, naming it.
    """
    arrays = [read_png(folder / name_of(i)) for i in rows]
    return to_unit(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2))


def read_png(path: Path) -> np.ndarray:
    """The pixels of a PNG file, (H, W, 3) uint8.

    Raises:
        OSError: If it is missing or damaged, naming it.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise OSError(f"{path} cannot be read ({error}); run the command that made it again") from error


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
