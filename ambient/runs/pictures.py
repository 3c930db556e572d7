"""Pictures as files: single images, grids, and named rows.

They are whole or absent whatever is killed, but not flushed to the disk one by one, which takes longer than making
them: after a power cut they are made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ambient.runs.damage import reading
from ambient.runs.figures import save_figure
from ambient.runs.files import write_atomically

_DENSEST = 1100
"""More bytes of pixels than one byte of a PNG can hold: deflate makes 1 of at most 1,032."""


def save_png(path: Path, image: Tensor) -> None:
    """Write an image (C, H, W), C = 1 or 3, in [-1, 1] as 8-bit PNG; values outside are clipped. Atomic."""
    pixels = ((image.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    array = pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).numpy()
    write_atomically(
        path, lambda file: Image.fromarray(np.ascontiguousarray(array)).save(file, format="PNG"), durable=False
    )


def save_array(path: Path, image: Tensor) -> None:
    """Write an image as it is, float32 (C, H, W), as .npy. Atomic."""
    array = image.detach().float().cpu().numpy()

    def write(file: Path) -> None:
        with open(file, "wb") as stream:
            np.save(stream, array, allow_pickle=False)

    write_atomically(path, write, durable=False)


def write_image(path: Path, image: Tensor) -> None:
    """Write an image (C, H, W) as 8-bit PNG or, if `path` ends in .npy, as it is."""
    save_png(path, image) if path.suffix == ".png" else save_array(path, image)


def file_names(names: Sequence[str], suffix: str) -> list[str]:
    """A file name for each image: its own, or its number where two would be alike."""
    own = [str(Path(name.replace("\\", "/")).with_suffix("." + suffix)) for name in names]
    safe = [name.lstrip("/").replace("..", "_").replace("/", "__") for name in own]
    return safe if len(set(safe)) == len(safe) else [f"{i:06d}.{suffix}" for i in range(len(safe))]


def read_image(path: Path) -> Tensor:
    """An image that `save_png` or `save_array` wrote, (C, H, W) float32 in [-1, 1].

    Raises:
        DamagedFileError: If the file is cut off, altered, or no image.
        FileNotFoundError: If there is none.
    """
    if path.suffix == ".npy":
        with reading(path), open(path, "rb") as file:
            try:
                return _three_axes(np.load(file, allow_pickle=False))
            except (OSError, SyntaxError, MemoryError) as error:  # what numpy raises for damage, of the header too
                raise ValueError(str(error) or "it says that it is larger than the memory") from error
    array = pixels_of(path)
    return torch.from_numpy(array.copy()).reshape(*array.shape[:2], -1).permute(2, 0, 1).float() / 127.5 - 1


def pixels_of(path: Path) -> np.ndarray:
    """The pixels of an image file that we wrote, as they are: (H, W) or (H, W, 3) uint8. Raises as `read_image`."""
    with reading(path), open(path, "rb") as opened:
        try:
            with Image.open(opened) as file:
                file.verify()  # the check sum of every part, which decoding alone does not look at
            opened.seek(0)
            with Image.open(opened) as file:
                _check_size(file, path.stat().st_size)
                return np.array(file)
        except (OSError, SyntaxError) as error:  # what Pillow raises for damage
            raise ValueError(str(error)) from error


def _check_size(image: Image.Image, size: int) -> None:
    """Raises ValueError if so few bytes cannot hold an image, before it is given memory."""
    values = image.width * image.height * len(image.getbands())
    if values > _DENSEST * size:
        raise ValueError(f"its {size} bytes cannot hold the {image.width}x{image.height} pixels that it claims")


def _three_axes(array: np.ndarray) -> Tensor:
    """An array (C, H, W) of float32 as a tensor."""
    if array.dtype != np.float32 or array.ndim != 3:
        raise ValueError(f"it holds {array.dtype} {array.shape} where float32 (C, H, W) was expected")
    return torch.from_numpy(array)


def grid(images: Tensor, columns: int = 8, gap: int = 1) -> Tensor:
    """Images (N, C, H, W) side by side, `columns` a row, with white gaps: one image (C, H', W')."""
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    sheet = torch.ones(channels, rows * (height + gap) - gap, columns * (width + gap) - gap)
    for i, image in enumerate(images):
        top, left = (height + gap) * (i // columns), (width + gap) * (i % columns)
        sheet[:, top : top + height, left : left + width] = image.detach().float().cpu()
    return sheet


def save_rows(path: Path, rows: Mapping[str, Tensor], columns: int = 8) -> None:
    """Write named rows of images, (N, C, H, W) in [-1, 1] each, as one figure."""
    width = min(columns, max(len(images) for images in rows.values()))
    figure = Figure(figsize=(0.95 * width + 1.6, 1.0 * len(rows)))
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axis, (name, images) in zip(axes, rows.items(), strict=True):
        sheet = ((grid(images[:width], width) + 1) / 2).clamp(0, 1)
        array = sheet[0].numpy() if len(sheet) == 1 else sheet.permute(1, 2, 0).numpy()
        axis.imshow(array, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        for side in axis.spines.values():
            side.set_visible(False)
    figure.subplots_adjust(hspace=0.05)
    save_figure(path, figure)
