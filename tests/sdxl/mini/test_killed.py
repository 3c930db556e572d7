"""Kill the training of a mini model at random moments; run again; nothing tells the difference."""

from __future__ import annotations

from pathlib import Path

from tests.sdxl.mini.conftest import train_smallest
from tests.sdxl.test_killed import killed_and_run_again, pytestmark

__all__ = ["pytestmark"]
WEIGHTS = ("unet", "vae", "text_encoder", "text_encoder_2")


def _same(whole: Path, killed: Path) -> None:
    for name in WEIGHTS:
        one, other = (next((folder / name).glob("*.safetensors")).read_bytes() for folder in (whole, killed))
        assert one == other, name
    for name in ("README.md", "members.json", "model_index.json"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes(), name


def test_training(cifar: Path, tmp_path: Path) -> None:
    killed_and_run_again(lambda folder: train_smallest(cifar, folder), tmp_path, _same)
