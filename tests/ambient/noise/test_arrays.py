from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from ambient.data.images import ImageOptions
from ambient.noise.arrays import ArrayError, is_array_source, read_arrays
from ambient.noise.sources import read_source

RNG = np.random.default_rng(0)
GREY, COLOUR = RNG.random((5, 6, 7)), RNG.random((5, 6, 7, 3))


def expected(values: np.ndarray, low: float, high: float) -> torch.Tensor:
    values = values[..., None] if values.ndim == 3 else values
    return torch.from_numpy((2 * (values.astype(float) - low) / (high - low) - 1).transpose(0, 3, 1, 2)).float()


@pytest.mark.parametrize("values", [GREY, COLOUR, GREY.astype(np.float32), GREY.astype(np.float16)])
def test_npy_stack_with_a_stated_range(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", values)
    stack = read_arrays(tmp_path / "a.npy", (0.25, 0.75))
    assert torch.allclose(stack.images, expected(values, 0.25, 0.75), atol=1e-6)
    assert stack.images.dtype == torch.float32
    assert (stack.range, stack.range_from, stack.dtype) == ((0.25, 0.75), "stated", str(values.dtype))
    assert stack.beyond == pytest.approx(((values < 0.25) | (values > 0.75)).mean())
    assert stack.names[2] == "a.npy[2]"


def test_npz_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, first=GREY, second=COLOUR)
    assert torch.allclose(read_arrays(path, (0, 1), array="second").images, expected(COLOUR, 0, 1), atol=1e-6)
    with pytest.raises(ArrayError, match="first, second; name one"):
        read_arrays(path, (0, 1))
    with pytest.raises(ArrayError, match="no array 'third'"):
        read_arrays(path, (0, 1), array="third")
    np.savez(path, images=GREY, labels=np.arange(5))
    assert len(read_arrays(path, (0, 1)).images) == 5


def test_folders_and_files_of_tiff(tmp_path: Path) -> None:
    for i, image in enumerate(COLOUR.astype(np.float32)):
        tifffile.imwrite(tmp_path / f"{i}.tif", image, photometric="rgb")
    stack = read_arrays(tmp_path, (0, 1))
    assert torch.allclose(stack.images, expected(COLOUR, 0, 1), atol=1e-6)
    assert stack.names == ("0.tif", "1.tif", "2.tif", "3.tif", "4.tif")
    pages = tmp_path / "pages.tiff"
    tifffile.imwrite(pages, GREY.astype(np.float32), photometric="minisblack")
    assert torch.allclose(read_arrays(pages, (0, 1)).images, expected(GREY, 0, 1), atol=1e-6)


def test_deep_png(tmp_path: Path) -> None:
    values = (GREY * 65535).astype(np.uint16)
    for i, image in enumerate(values):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    assert is_array_source(tmp_path)
    stack = read_arrays(tmp_path, (0, 65535))
    assert torch.allclose(stack.images, expected(values, 0, 65535), atol=1e-6)
    with pytest.raises(ArrayError, match="state their values"):
        read_arrays(tmp_path)


def test_uint8_has_a_range_of_its_own(tmp_path: Path) -> None:
    values = (GREY * 255).astype(np.uint8)
    np.save(tmp_path / "a.npy", values)
    stack = read_arrays(tmp_path / "a.npy")
    assert (stack.range, stack.range_from) == ((0, 255), "uint8")
    assert torch.allclose(stack.images, expected(values, 0, 255), atol=1e-6)


@pytest.mark.parametrize("values", [GREY, (GREY * 4095).astype(np.uint16), (GREY * 100).astype(np.int32)])
def test_no_range_is_guessed(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(ArrayError, match="does not say what black and white are") as error:
        read_arrays(tmp_path / "a.npy")
    assert f"{values.min():g} to {values.max():g}" in str(error.value)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (RNG.random((4, 3, 16, 16)), "move the channels to the end"),
        (RNG.random((4, 16, 16, 4)), "(4, 16, 16, 4)"),
        (RNG.random((16, 16, 3)), "(1, H, W, C)"),
        (RNG.random((16, 16)), "(16, 16)"),
        (RNG.random((0, 16, 16)), "no images"),
        (RNG.random((4, 16, 16)) * 1j, "complex128"),
        (RNG.random((4, 16, 16)) > 0.5, "bool"),
        (np.where(0.999 * GREY.max() < GREY, np.nan, GREY), "nan or infinity in 1 of 5"),
        (GREY * 255, "far beyond the stated range 0 1"),
        (np.full((2, 8, 8), "a"), "<U1"),
    ],
)
def test_wrong_shapes_types_and_values_are_named(tmp_path: Path, values: np.ndarray, named: str) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(ArrayError) as error:
        read_arrays(tmp_path / "a.npy", (0, 1))
    assert named in str(error.value)
    assert "a.npy" in str(error.value)


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ArrayError, match="cannot be read"):
        read_arrays(tmp_path / "a.npy", (0, 1))


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.tif", "a.png"])
@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY\x01\x00v\x00{", b"II*\x00\x08\x00\x00\x00", b"PK\x03\x04"]
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArrayError, match=name):
        read_arrays(tmp_path / name, (0, 1))


def test_mixed_folders_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", GREY[0])
    np.save(tmp_path / "b.npy", GREY[0, :3])
    with pytest.raises(ArrayError, match=r"b\.npy .* \(3, 7\)"):
        read_arrays(tmp_path, (0, 1))
    (tmp_path / "b.npy").unlink()
    Image.fromarray((GREY[0] * 255).astype(np.uint8)).save(tmp_path / "c.png")
    with pytest.raises(ArrayError, match=r"mixes \.npy .* c\.png"):
        read_arrays(tmp_path, (0, 1))


def test_a_missing_file_and_a_wrong_range(tmp_path: Path) -> None:
    with pytest.raises(ArrayError, match="does not exist"):
        read_arrays(tmp_path / "none.npy", (0, 1))
    for ends in ((1.0, 0.0), (0.0, float("inf"))):
        with pytest.raises(ArrayError, match="the smaller one first"):
            read_arrays(tmp_path / "none.npy", ends)


def test_sources_of_both_kinds(tmp_path: Path) -> None:
    numbers, pictures = tmp_path / "numbers", tmp_path / "pictures"
    numbers.mkdir()
    pictures.mkdir()
    np.save(numbers / "a.npy", GREY)
    source = read_source(str(numbers / "a.npy"), ImageOptions(limit=2), (0, 1))
    assert len(source.images) == len(source.names) == 2
    assert "black is 0, white is 1 (as stated)" in source.read_as
    with pytest.raises(ArrayError, match="only --limit"):
        read_source(str(numbers / "a.npy"), ImageOptions(resolution=4), (0, 1))
    values = (GREY * 255).astype(np.uint8)
    for i, image in enumerate(values):
        Image.fromarray(image).save(pictures / f"{i}.png")
    source = read_source(str(pictures))
    assert torch.allclose(source.images, expected(values, 0, 255), atol=1e-6)
    with pytest.raises(ArrayError, match="--range"):
        read_source(str(pictures), None, (0, 1))
