r"""Pixels of images: bytes of a file to uint8, uint8 to [-1, 1] and back, cropping and resizing.

p in {0, ..., 255} is x = p / 127.5 - 1, and back p = floor(127.5 x + 128), as in EDM (Karras et al. 2022).
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ambient.data.images.options import Channels, FileOptions
from ambient.data.images.validation import UnusableError

_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "DIB", "GIF", "TIFF", "AVIF")
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
_DEFAULT = FileOptions()
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PILLOW = threading.RLock()
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else what Pillow logs of a damaged file is printed


def to_unit(pixels: Tensor) -> Tensor:
    """uint8 pixels as float32 in [-1, 1], of any shape."""
    return pixels.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Images in [-1, 1], of any shape, as the nearest uint8 pixels; values outside are clipped."""
    return (images * 127.5 + 128).clamp(0, 255).to(torch.uint8)


def decode(content: bytes, options: FileOptions = _DEFAULT) -> np.ndarray:
    """The pixels of an image file: PNG, JPEG, WebP, BMP, GIF, TIFF, or AVIF where Pillow has it.

    Turned upright as its EXIF orientation says, where that can be read. Palettes, one bit a pixel and an alpha channel
    that is opaque everywhere lose nothing and are converted. Of a JPEG with more pictures (MPO, as telephones write)
    the first is read. Check sums are verified where the format has them (PNG); JPEG has none, so bytes changed inside
    its data that still decode cannot be told.

    Args:
        content: The file.
        options: The largest image that is decoded, told by its header; and the value of white in 16-bit grey.

    Returns:
        (H, W, 1) or (H, W, 3) uint8.

    Raises:
        UnusableError: If it is empty, no image, damaged, animated, too large, or neither grey nor RGB of 8 bits.
    """
    if not content:
        raise UnusableError("empty file", "0 bytes")
    try:
        with _quiet_pillow():
            opened = _open(content)
            _check_size(opened, options)
            opened.verify()
            image = _open(content)
            _check_frames(image)
            image.load()
            pixels = np.asarray(_turned(_plain(image, content, options), image))
    except UnusableError:
        raise
    except UnidentifiedImageError as error:
        if content.startswith(_BEGINNINGS) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP"):
            raise UnusableError("damaged", "its beginning is that of an image, the rest is not") from error
        raise UnusableError("not an image", f"none of {', '.join(_formats())}") from error
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise UnusableError("damaged", str(error) or type(error).__name__) from error
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def fit(pixels: np.ndarray, resolution: int | None, channels: Channels) -> np.ndarray:
    """An image of the wanted size and channels.

    Args:
        pixels: (H, W, 1) or (H, W, 3) uint8.
        resolution: Side of the result: the largest centred square is cut out and reduced by Lanczos filtering, as EDM's
            data set tool does. None keeps the size.
        channels: "keep", "grey" (ITU-R 601 luma) or "rgb" (grey repeated three times).

    Raises:
        UnusableError: If the image is smaller than `resolution`, which would invent detail.
    """
    height, width, depth = pixels.shape
    if resolution is not None and min(height, width) < resolution:
        raise UnusableError("wrong size", f"{width}x{height}, smaller than {resolution}x{resolution}")
    image = Image.fromarray(pixels[:, :, 0] if depth == 1 else pixels)
    if channels != "keep":
        image = image.convert("L" if channels == "grey" else "RGB")
    if resolution is not None:
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
        image = image.resize((resolution, resolution), Image.Resampling.LANCZOS) if side != resolution else image
    result = np.asarray(image)
    return result[:, :, None] if result.ndim == 2 else result


@cache
def _formats() -> tuple[str, ...]:
    """Those of our formats that this Pillow can read."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _open(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=_formats())


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Pillow without its own limit of pixels, since ours is checked, and with no warning printed of a damaged file."""
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _check_size(image: Image.Image, options: FileOptions) -> None:
    pixels = image.width * image.height
    if pixels > options.largest_image:
        found = f"{image.width}x{image.height} = {pixels:,} pixels"
        raise UnusableError("too large", f"{found}, of which largest_image allows {options.largest_image:,}")


def _check_frames(image: Image.Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in ("MPO", "JPEG"):
        raise UnusableError("animated", f"{frames} frames")


def _plain(image: Image.Image, content: bytes, options: FileOptions) -> Image.Image:
    """The same picture in mode L or RGB. Raises `UnusableError` where that would lose or guess something."""
    if image.mode.startswith("I"):
        return _of_16_bits(image, options)
    if image.format == "PNG" and content[24] == 16:
        raise UnusableError("wrong mode", "16 bits a channel; convert it to 8-bit grey or RGB")
    mode, transparent = image.mode, "transparency" in image.info
    found = f"mode {mode}" + (", transparency" if transparent else "")
    refusal = UnusableError("wrong mode", f"{found}; convert it to 8-bit grey or RGB")
    if mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        raise refusal
    if mode in ("LA", "RGBA") or transparent:
        if image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise refusal
        image.info.pop("transparency", None)
    return image if mode in ("L", "RGB") else image.convert("L" if mode in ("1", "LA") else "RGB")


def _of_16_bits(image: Image.Image, options: FileOptions) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if options.white is None:
        raise UnusableError("wrong mode", "16 bits a channel; state what is white (white), or convert it to 8 bits")
    if values.min() < 0 or values.max() > options.white:
        raise UnusableError("wrong mode", f"values of {values.min()} to {values.max()}, and white is {options.white}")
    eight = (2 * 255 * values + options.white) // (2 * options.white)
    return Image.fromarray(eight.astype(np.uint8))


def _turned(image: Image.Image, original: Image.Image) -> Image.Image:
    """Upright, as the original's EXIF orientation says; as it is where the EXIF data are damaged."""
    try:
        turn = _TURNS.get(original.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF data raise nearly anything, and say nothing of the pixels
        turn = None
    return image if turn is None else image.transpose(turn)
