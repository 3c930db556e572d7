"""No bit of a file changes unnoticed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import safetensors.torch
import torch

from ambient.runs import files
from ambient.runs.checksums import BLANK, metadata_of, verify
from ambient.runs.damage import DamagedFileError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "weights.safetensors"
    files.save_tensors(file, {"a": torch.arange(5.0), "b": torch.ones(3, dtype=torch.int64)}, {"step": "12"})
    return file


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    """All of them: length of the header, names, types, shapes, offsets, metadata, the checksum itself, and the data."""
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(damaged))
        with pytest.raises(DamagedFileError, match=r"weights\.safetensors is damaged: "):
            verify(path)
    assert not files.is_whole(path)
    path.write_bytes(content)
    assert files.is_whole(path)
    assert verify(path) == {"step": "12"}


def test_every_truncation_and_addition_is_noticed(path: Path) -> None:
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DamagedFileError, match="remove it"):
            files.load_tensors(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(DamagedFileError, match="do not match its checksum"):
        verify(path)


def test_the_checksum_is_what_it_says(path: Path) -> None:
    content = path.read_bytes()
    with safetensors.safe_open(path, "pt") as file:
        digest = file.metadata()["sha256"]
    assert hashlib.sha256(content.replace(digest.encode(), BLANK.encode())).hexdigest() == digest


def test_a_large_file_is_read_in_chunks(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    files.save_tensors(path, {"x": torch.zeros(3 << 20)})
    assert verify(path) == {}
    with open(path, "rb+") as file:
        file.seek(-1, 2)
        file.write(b"\1")
    with pytest.raises(DamagedFileError):
        verify(path)


def test_files_of_others_carry_none(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(2)}, path, {"author": "them"})
    with pytest.raises(
        DamagedFileError, match=r"theirs\.safetensors is damaged: it carries no checksum; copy it again"
    ):
        verify(path, remedy="copy it again")
    assert verify(path, foreign=True) == metadata_of(path) == {"author": "them"}
    assert torch.equal(files.load_tensors(path, "x", foreign=True)[0]["x"], torch.zeros(2))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DamagedFileError):
        verify(path, foreign=True)
