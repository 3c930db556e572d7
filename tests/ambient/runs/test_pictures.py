"""Pictures that we wrote are read as they were, or refused by name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
import torch

from ambient.runs.damage import DamagedFileError
from ambient.runs.pictures import read_image, save_array, save_png

IMAGE = torch.linspace(-1, 1, 48).reshape(3, 4, 4)


def test_pictures_and_arrays_are_read_as_they_were(tmp_path: Path) -> None:
    save_png(tmp_path / "x.png", IMAGE)
    save_array(tmp_path / "x.npy", 2 * IMAGE)
    assert (read_image(tmp_path / "x.png") - IMAGE).abs().max() < 1 / 127
    assert torch.equal(read_image(tmp_path / "x.npy"), 2 * IMAGE)


@pytest.mark.parametrize("name", ["x.png", "x.npy"])
def test_a_picture_without_its_end_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    save_png(path, IMAGE) if name == "x.png" else save_array(path, IMAGE)
    content = path.read_bytes()
    for end in range(0, len(content) - 1, 7):
        path.write_bytes(content[:end])
        with pytest.raises(DamagedFileError, match=name):
            read_image(path)


def test_no_bit_of_a_picture_changes_its_pixels_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    save_png(path, IMAGE)
    content, whole = path.read_bytes(), read_image(path)
    for bit in range(0, 8 * len(content), 5):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            found = read_image(path)
        except DamagedFileError:
            continue
        assert torch.equal(found, whole)


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_given_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    save_png(path, IMAGE)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 12_000, 12_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="12000x12000"):
        read_image(path)


def test_an_array_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    save_array(path, IMAGE)
    path.write_bytes(path.read_bytes().replace(b"(3, 4, 4)", b"(3, 16)  "))
    with pytest.raises(DamagedFileError, match="float32"):
        read_image(path)


def test_a_missing_picture_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "x.png")
