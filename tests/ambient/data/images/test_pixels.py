from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ambient.data.images.options import FileOptions
from ambient.data.images.pixels import decode, fit, to_uint8, to_unit
from ambient.data.images.validation import UnusableError
from tests.ambient.data.images import make


def test_bytes_survive_the_round_trip_and_their_ends_are_exact() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    assert to_unit(every)[0] == -1
    assert to_unit(every)[255] == 1
    assert torch.equal(to_uint8(to_unit(every)), every)
    assert torch.equal(to_uint8(torch.tensor([-9.0, 9.0])), torch.tensor([0, 255], dtype=torch.uint8))


@given(st.integers(0, 254), st.floats(0.01, 0.99))
def test_conversion_to_bytes_rounds_to_the_nearest(byte: int, part: float) -> None:
    x = torch.tensor([(byte + part) / 127.5 - 1], dtype=torch.float64)
    if abs(part - 0.5) > 1e-6:
        assert int(to_uint8(x)) == round(byte + part)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG"])
def test_decoding_agrees_with_pil(form: str, channels: int) -> None:
    pixels = make.picture(3, 9, 7, channels)
    content = make.encode(pixels, form, **({"lossless": True} if form == "WEBP" else {}))
    expected = make.decode(content)
    assert decode(content).shape == expected.shape
    np.testing.assert_array_equal(decode(content), expected)
    if form == "PNG":
        np.testing.assert_array_equal(decode(content), pixels)


def test_exif_orientation_is_applied() -> None:
    pixels = make.picture(3, 9, 7)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    np.testing.assert_array_equal(decode(make.encode(pixels, "PNG", exif=exif)), np.rot90(pixels, -1))


def _lanczos(n: int, m: int) -> np.ndarray:
    """Weights (m, n) that reduce n samples to m: the Lanczos-3 kernel stretched by n / m, normalised."""
    scale = n / m
    centres = (np.arange(m) + 0.5) * scale
    offsets = (np.arange(n)[None] + 0.5 - centres[:, None]) / scale
    weights = np.where(abs(offsets) < 3, np.sinc(offsets) * np.sinc(offsets / 3), 0)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize(("height", "width", "resolution"), [(64, 64, 32), (40, 57, 16), (33, 20, 20), (31, 30, 7)])
def test_fitting_is_a_centre_crop_and_a_lanczos_filter(height: int, width: int, resolution: int) -> None:
    smooth = make.picture(1, height, width).astype(float)
    for axis in (0, 1):
        smooth = (np.roll(smooth, 1, axis) + smooth + np.roll(smooth, -1, axis)) / 3
    pixels = smooth.astype(np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    weights = _lanczos(side, resolution)
    square = pixels[top : top + side, left : left + side].astype(float)
    expected = np.einsum("ih,hwc,jw->ijc", weights, square, weights).clip(0, 255)
    assert abs(fit(pixels, resolution, "keep") - expected).max() <= 1.01  # two roundings, one for each direction


def test_channels_are_converted_as_asked() -> None:
    colour, grey = make.picture(1), make.picture(2, channels=1)
    luma = colour @ np.array([0.299, 0.587, 0.114])
    assert abs(fit(colour, None, "grey")[:, :, 0] - luma).max() <= 1
    np.testing.assert_array_equal(fit(grey, None, "rgb"), grey.repeat(3, 2))
    np.testing.assert_array_equal(fit(grey, None, "keep"), grey)
    np.testing.assert_array_equal(fit(colour, None, "rgb"), colour)


def test_nothing_is_enlarged() -> None:
    with pytest.raises(UnusableError, match="9x4, smaller than 5x5"):
        fit(make.picture(1, 4, 9), 5, "keep")


def _bytes(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("form", ["BMP", "GIF", "TIFF", "AVIF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_formats(form: str, channels: int) -> None:
    if form not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {form}")
    grey = make.picture(3, 9, 7, 1)
    pixels = grey if channels == 1 else grey.repeat(3, 2)  # GIF has 256 colours
    content = make.encode(pixels, form, **({"quality": 100} if form == "AVIF" else {}))
    found = decode(content).astype(int)
    tolerance = 12 if form == "AVIF" else 0
    assert found.shape[:2] == (9, 7)
    assert abs(found - pixels).max() <= tolerance


def test_palettes_bits_and_opaque_alpha_lose_nothing() -> None:
    colours = make.picture(3, 9, 7) & 0xC0
    image = Image.fromarray(colours)
    palette = image.quantize(64)
    np.testing.assert_array_equal(decode(_bytes(palette, "PNG")), np.asarray(palette.convert("RGB")))
    bits = Image.fromarray(colours[:, :, 0] > 100)
    np.testing.assert_array_equal(decode(_bytes(bits, "PNG"))[:, :, 0], 255 * (colours[:, :, 0] > 100))
    opaque = image.copy()
    opaque.putalpha(255)
    np.testing.assert_array_equal(decode(_bytes(opaque, "PNG")), colours)
    grey = image.convert("LA")
    np.testing.assert_array_equal(decode(_bytes(grey, "PNG"))[:, :, 0], np.asarray(image.convert("L")))
    opaque.putpixel((1, 1), (0, 0, 0, 254))
    for transparent in (_bytes(opaque, "PNG"), _bytes(palette, "PNG", transparency=0)):
        with pytest.raises(UnusableError, match=r"transparency|mode RGBA"):
            decode(transparent)


def test_the_first_picture_of_a_jpeg_with_more() -> None:
    first, second = (Image.fromarray(make.picture(seed, 32, 32)) for seed in (1, 2))
    content = _bytes(first, "MPO", save_all=True, append_images=[second])
    np.testing.assert_array_equal(decode(content), decode(_bytes(first, "JPEG")))


def test_pages_and_animations_are_refused() -> None:
    pages = [Image.fromarray(make.picture(seed)) for seed in range(3)]
    for form in ("TIFF", "GIF", "PNG"):
        with pytest.raises(UnusableError, match="3 frames"):
            decode(_bytes(pages[0], form, save_all=True, append_images=pages[1:]))


def test_16_bits_need_a_stated_range() -> None:
    values = np.array([[0, 1, 2048, 4095]], dtype=np.uint16)
    content = _bytes(Image.fromarray(values), "PNG")
    with pytest.raises(UnusableError, match="16 bits a channel; state what is white"):
        decode(content)
    expected = np.round(255 * values.astype(float) / 4095)
    np.testing.assert_array_equal(decode(content, FileOptions(white=4095))[:, :, 0], expected)
    with pytest.raises(UnusableError, match="values of 0 to 4095, and white is 4000"):
        decode(content, FileOptions(white=4000))
    with pytest.raises(ValueError, match="white must lie in"):
        FileOptions(white=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "P", "L"])
def test_every_orientation_as_pillow_turns_it(orientation: int, mode: str) -> None:
    image = Image.fromarray(make.picture(3, 9, 7)).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = _bytes(image, "PNG", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("L" if mode == "L" else "RGB")
    np.testing.assert_array_equal(decode(content).squeeze(), np.asarray(expected))


def test_damaged_exif_data_are_ignored() -> None:
    image = Image.fromarray(make.picture(3, 16, 16))
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12"):
        np.testing.assert_array_equal(decode(_bytes(image, "JPEG", exif=exif)), decode(_bytes(image, "JPEG")))


def test_pillows_own_limit_is_as_before() -> None:
    before = Image.MAX_IMAGE_PIXELS
    decode(make.encode(make.picture(0)))
    with pytest.raises(UnusableError):
        decode(b"no image")
    assert before == Image.MAX_IMAGE_PIXELS
