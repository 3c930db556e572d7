"""The model that comes with the package."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ambient.runs.damage import DamagedFileError
from sdxl.loading import load
from sdxl.mini.shipped import LARGEST, SUMS, WEIGHTS, get, ship
from sdxl.options import ModelOptions


@pytest.fixture(scope="module")
def weights(smallest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped") / "weights"
    ship(smallest, folder)
    return folder


def test_it_is_the_trained_model_rounded_to_fp16(smallest: Path, weights: Path, tmp_path: Path) -> None:
    get(tmp_path / "model", weights)
    name = "unet/diffusion_pytorch_model.safetensors"
    trained, shipped = load_file(smallest / name), load_file(tmp_path / "model" / name)
    for key, value in trained.items():
        assert torch.equal(shipped[key], value.half())
    unet = load(ModelOptions(str(tmp_path / "model"))).unet
    assert unet.dtype == torch.float32
    assert torch.equal(unet.conv_in.weight, shipped["conv_in.weight"].float())


def test_runs_are_not_shipped(weights: Path) -> None:
    assert not (weights / "training").exists()
    assert (weights / "README.md").is_file()
    assert (weights / "members.json").is_file()


def test_getting_twice_mends_what_is_missing(weights: Path, tmp_path: Path) -> None:
    get(tmp_path / "model", weights)
    (tmp_path / "model" / "vae" / "config.json").unlink()
    get(tmp_path / "model", weights)
    assert (tmp_path / "model" / "vae" / "config.json").read_bytes() == (weights / "vae" / "config.json").read_bytes()


def test_a_folder_of_something_else_is_refused(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        get(tmp_path, weights)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_altered_weight_is_found(weights: Path, tmp_path: Path) -> None:
    altered = tmp_path / "weights"
    shutil.copytree(weights, altered)
    path = next((altered / "unet").glob("*.safetensors"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="checksum"):
        get(tmp_path / "model", altered)


def test_without_weights_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m sdxl\.mini train"):
        get(tmp_path / "model", tmp_path / "nothing")
    assert not (tmp_path / "model").exists()


@pytest.mark.skipif(not (WEIGHTS / SUMS).is_file(), reason="this package ships no weights")
def test_the_shipped_weights_are_whole_and_small(tmp_path: Path) -> None:
    get(tmp_path / "model")
    assert sum(path.stat().st_size for path in (tmp_path / "model").rglob("*") if path.is_file()) <= LARGEST
