"""A CIFAR-10 of a few random images, and the smallest model of it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from sdxl.mini.images import Members, load_members
from sdxl.mini.options import TrainMini
from sdxl.mini.training import train_mini
from tests.ambient.data.images import make

SMALLEST: dict[str, Any] = {
    "steps": 4,
    "batch": 2,
    "widths": (16, 16),
    "vae_steps": 3,
    "vae_widths": (8, 8),
    "text_steps": 2,
    "sample_every": 100,
    "checkpoint_every": 1,
}


@pytest.fixture(scope="session")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CIFAR-10's folder with four images a batch, the classes in turn."""
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    labels = [[(4 * i + k) % 10 for k in range(4)] for i in range(6)]
    batches = {f"cifar/{n}": make.pickle.dumps(make.batch(i, labels=labels[i]), 2) for i, n in enumerate(names)}
    return make.folder(tmp_path_factory.mktemp("mini"), batches) / "cifar"


def members_of(cifar: Path, images: int | None = None, seed: int = 0) -> Members:
    """The images, without the warning that they are not the official ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return load_members(cifar, images, seed)


def train_smallest(cifar: Path, output: Path, **changes: Any) -> Path:
    """Train the smallest model."""
    options = TrainMini(cifar, output, **{**SMALLEST, **changes})
    train_mini(options, members_of(cifar, options.images))
    return output


@pytest.fixture(scope="session")
def smallest(cifar: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the smallest model, on all 20 training images."""
    return train_smallest(cifar, tmp_path_factory.mktemp("mini") / "model")
