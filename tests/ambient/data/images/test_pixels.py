from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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
    from PIL import Image

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
