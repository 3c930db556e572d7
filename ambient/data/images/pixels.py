r"""Pixels of images: bytes of a file to uint8, uint8 to [-1, 1] and back, cropping and resizing.

p in {0, ..., 255} is x = p / 127.5 - 1, and back p = floor(127.5 x + 128), as in EDM (Karras et al. 2022).
"""

from __future__ import annotations

import io
import warnings
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ambient.data.images.validation import UnusableError

Channels = Literal["keep", "grey", "rgb"]
_FORMATS = ("PNG", "JPEG", "WEBP")
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def to_unit(pixels: Tensor) -> Tensor:
    """uint8 pixels as float32 in [-1, 1], of any shape."""
    return pixels.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Images in [-1, 1], of any shape, as the nearest uint8 pixels; values outside are clipped."""
    return (images * 127.5 + 128).clamp(0, 255).to(torch.uint8)


def decode(content: bytes) -> np.ndarray:
    """The pixels of a PNG, JPEG or WebP file.

    Turned upright as its EXIF orientation says. Every chunk's check sum is verified where the format has one (PNG);
    JPEG has none, so bytes changed inside its data that still decode cannot be told.

    Returns:
        (H, W, 1) or (H, W, 3) uint8.

    Raises:
        UnusableError: If it is empty, no image, damaged, animated, too large, or neither 8-bit grey nor 8-bit RGB.
    """
    if not content:
        raise UnusableError("empty file", "0 bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            _open(content).verify()
            image = _open(content)
            _check_form(image, content)
            image.load()
            image = ImageOps.exif_transpose(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusableError("too large", str(error)) from error
    except Image.UnidentifiedImageError as error:
        if content.startswith((_PNG, _JPEG)) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP"):
            raise UnusableError("damaged", "its beginning is that of an image, the rest is not") from error
        raise UnusableError("not an image", "neither PNG, JPEG nor WebP") from error
    except UnusableError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise UnusableError("damaged", str(error) or type(error).__name__) from error
    pixels = np.asarray(image)
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


def _open(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=_FORMATS)


def _check_form(image: Image.Image, content: bytes) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise UnusableError("animated", f"{frames} frames")
    deep = image.format == "PNG" and content[24] == 16
    if image.mode not in ("L", "RGB") or deep or "transparency" in image.info:
        found = (
            "16 bits a channel" if deep else f"mode {image.mode}" + ", transparency" * ("transparency" in image.info)
        )
        raise UnusableError("wrong mode", f"{found}; convert it to 8-bit grey or RGB")
