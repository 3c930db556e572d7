r"""Images as numbers with a stated range: NumPy stacks, TIFF, 16-bit PNG.

A file of numbers does not say what black and white are. They have to be stated, as `(low, high)`: the values that the
*clean* image can have at most, which become -1 and 1,

    x = 2 (p - low) / (high - low) - 1,

and noise may go beyond. Only uint8 has a range of its own, 0 to 255. Nothing else is guessed: the refusal names what
the file holds.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Range = tuple[float, float]
"""The values of black and white."""
Array = NDArray[np.generic]

STACKS = (".npy", ".npz")
TIFFS = (".tif", ".tiff")
_MOST_BYTES = 16 * 2**30
_MOST_TIMES_BEYOND = 10.0
"""A stated range that the values leave by more than this many of its widths on either side is a mistake."""
_PNG = b"\x89PNG\r\n\x1a\n"


class ArrayError(ValueError):
    """A file of numbers that cannot be read as images."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Images read from files of numbers.

    Attributes:
        images: (N, C, H, W) float32, C = 1 or 3, black at -1 and white at 1.
        range: The values that became -1 and 1.
        range_from: Where the range comes from: "stated" or "uint8".
        dtype: Type of the numbers in the files.
        beyond: Share of the numbers outside the range, which were kept as they are.
        names: Name of each image.
    """

    images: Tensor
    range: Range
    range_from: str
    dtype: str
    beyond: float
    names: tuple[str, ...]


def is_array_source(source: str | os.PathLike[str]) -> bool:
    """Whether a source is files of numbers: a .npy, .npz or TIFF file, a 16-bit PNG, or a folder with one of these."""
    path = Path(source)
    if path.is_dir():
        return any(_is_array_file(file) for file in _files(path))
    return _is_array_file(path)


def read_arrays(source: str | os.PathLike[str], value_range: Range | None = None, *, array: str | None = None) -> Stack:
    """Read images from files of numbers.

    Args:
        source: A .npy or .npz file with a stack (N, H, W) or (N, H, W, C); a TIFF file with one image or a stack; a
            16-bit PNG; or a folder of TIFF files, of 16-bit PNG files, or of .npy files, each with one image (H, W) or
            (H, W, C). C is 1 or 3, and all images are equally large.
        value_range: Values of black and white; may be left out for uint8 only.
        array: Name of the array in a .npz file that holds several.

    Raises:
        ArrayError: If it cannot be read, or a shape, a type, a value or the range is wrong, naming the file.
    """
    if value_range is not None:
        check_range(value_range)
    path = Path(source)
    if path.is_dir():
        values, names = _read_folder(path)
    elif not path.exists():
        raise ArrayError(f"{path} does not exist")
    else:
        values = _as_stack(_read(path, array), path, alone=path.suffix.lower() not in STACKS)
        names = tuple(f"{path.name}[{i}]" for i in range(len(values)))
    return _in_range(values, value_range, names, path)


def check_range(value_range: Range) -> None:
    """Refuse a range whose ends are not finite numbers, the first below the second."""
    low, high = value_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ArrayError(f"range {low:g} {high:g}: give the values of black and white, the smaller one first")


def _in_range(values: Array, stated: Range | None, names: tuple[str, ...], path: Path) -> Stack:
    dtype = values.dtype
    if dtype.kind not in "fiu":
        raise ArrayError(f"{path} holds {dtype}; images are floating point numbers or integers")
    if dtype.kind == "f":
        finite = np.isfinite(values).reshape(len(values), -1).all(1)
        if not finite.all():
            bad = np.flatnonzero(~finite)
            raise ArrayError(f"{path}: nan or infinity in {len(bad)} of {len(values)} images, first in {names[bad[0]]}")
    smallest, largest = float(values.min()), float(values.max())
    if stated is None and dtype != np.uint8:
        raise ArrayError(
            f"{path} holds {dtype} from {smallest:g} to {largest:g}, which does not say what black and white "
            f"are; state their values, as in --range 0 1 (noise may go beyond)"
        )
    low, high = stated or (0.0, 255.0)
    width = high - low
    if smallest < low - _MOST_TIMES_BEYOND * width or largest > high + _MOST_TIMES_BEYOND * width:
        raise ArrayError(f"{path} holds {smallest:g} to {largest:g}, far beyond the stated range {low:g} {high:g}")
    numbers = values.astype(np.float64)
    beyond = float(((numbers < low) | (numbers > high)).mean())
    images = ((numbers - low) * (2 / width) - 1).astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return Stack(tensor, (low, high), "uint8" if stated is None else "stated", str(dtype), beyond, names)


def _as_stack(values: Array, path: Path, *, alone: bool) -> Array:
    """(N, H, W, C); `alone` where two or three axes may be one image."""
    shape = values.shape
    wanted = "(N, H, W) or (N, H, W, C) with C = 1 or 3" + (", or one image (H, W) or (H, W, C)" if alone else "")
    if values.size == 0:
        raise ArrayError(f"{path} holds no images: shape {shape}")
    if alone and (values.ndim == 2 or (values.ndim == 3 and shape[2] in (1, 3))):
        values = values[None]
    if values.ndim == 3 and values.shape[2] > 4:
        return values[..., None]
    if values.ndim == 4 and values.shape[3] in (1, 3):
        return values
    hint = ""
    if values.ndim == 4 and shape[1] in (1, 3):
        hint = "; this looks like (N, C, H, W): move the channels to the end"
    elif values.ndim == 3:
        if alone and len(shape) == 2:
            return values[..., None]
        hint = "; the last axis is too short to be a width, and one image is written as (1, H, W, C)"
    raise ArrayError(f"{path} has the shape {shape}, not {wanted}{hint}")


def _read_folder(folder: Path) -> tuple[Array, tuple[str, ...]]:
    files = _files(folder)
    chosen = [file for file in files if _is_array_file(file)]
    kinds = sorted({file.suffix.lower() for file in chosen})
    others = [
        file for file in files if file not in chosen and file.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp")
    ]
    if others:
        raise ArrayError(f"{folder} mixes {kinds[0]} files of numbers with 8-bit images such as {others[0].name}")
    if len({suffix.replace(".tiff", ".tif") for suffix in kinds}) > 1:
        raise ArrayError(f"{folder} mixes {' and '.join(kinds)} files; keep one kind")
    if kinds == [".npz"]:
        raise ArrayError(f"{folder} holds .npz files; give one of them, or .npy files of one image each")
    arrays = [_read(file, None) for file in chosen]
    for file, values in zip(chosen, arrays, strict=True):
        if values.shape != arrays[0].shape or values.dtype != arrays[0].dtype:
            raise ArrayError(
                f"{file} is {values.dtype} of shape {values.shape}, but {chosen[0].name} is {arrays[0].dtype} of shape "
                f"{arrays[0].shape}; all images must be alike"
            )
    one = _as_stack(arrays[0], chosen[0], alone=True)
    if len(one) != 1:
        raise ArrayError(f"{chosen[0]} holds {len(one)} images; a folder holds one in each file")
    stack = np.concatenate([_as_stack(values, file, alone=True) for file, values in zip(chosen, arrays, strict=True)])
    return stack, tuple(file.name for file in chosen)


def _read(path: Path, array: str | None) -> Array:
    """The numbers of a file, of whatever shape."""
    readers: dict[str, Callable[[], Array]] = {
        ".npy": lambda: _read_npy(path),
        ".npz": lambda: _read_npz(path, array),
        ".png": lambda: _read_png(path),
    }
    suffix = path.suffix.lower()
    reader = readers.get(suffix, (lambda: _read_tiff(path)) if suffix in TIFFS else None)
    if reader is None:
        raise ArrayError(f"{path}: not a .npy, .npz, .tif, .tiff or 16-bit .png file")
    try:
        return reader()
    except ArrayError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ArrayError(f"{path} cannot be read: {reason}") from error


def _read_npy(path: Path) -> Array:
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    _check_budget(path, values.size, values.dtype)
    return np.asarray(values)


def _read_npz(path: Path, array: str | None) -> Array:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    if array is None and len(members) > 1 and "images" not in members:
        raise ArrayError(f"{path} holds the arrays {', '.join(members)}; name one of them")
    name = array or ("images" if "images" in members else next(iter(members), ""))
    if name not in members:
        raise ArrayError(f"{path} holds no array {name!r}; it holds {', '.join(members) or 'none'}")
    if members[name] > _MOST_BYTES:
        raise ArrayError(f"{path}: {name} takes {members[name]} bytes, more than {_MOST_BYTES}")
    with np.load(path, allow_pickle=False) as archive:
        return np.asarray(archive[name])


def _read_tiff(path: Path) -> Array:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        if len(file.series) > 1:
            raise ArrayError(f"{path} holds {len(file.series)} series of images; keep one")
        _check_budget(path, math.prod(series.shape), np.dtype(series.dtype))
        return np.asarray(series.asarray())


def _read_png(path: Path) -> Array:
    from PIL import Image

    if not _is_deep_png(path):
        raise ArrayError(f"{path} is no 16-bit PNG")
    with Image.open(path, formats=("PNG",)) as image:
        _check_budget(path, math.prod(image.size), np.dtype(np.uint16))
        if not image.mode.startswith("I"):
            raise ArrayError(
                f"{path} is a 16-bit PNG in colour or with transparency, of which only 8 bits could be read; "
                f"convert it to TIFF or .npy"
            )
        return np.asarray(image).astype(np.uint16)


def _check_budget(path: Path, size: int, dtype: np.dtype[np.generic]) -> None:
    if size * max(dtype.itemsize, 4) > _MOST_BYTES:
        raise ArrayError(f"{path} holds {size} numbers, more than fit into {_MOST_BYTES} bytes; split it")


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


def _is_array_file(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in (*STACKS, *TIFFS) or (suffix == ".png" and _is_deep_png(path))


def _is_deep_png(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            header = file.read(26)
    except OSError:
        return False
    return header.startswith(_PNG) and len(header) == 26 and header[24] == 16
