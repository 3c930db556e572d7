"""Images that look noisy are refused, and clean ones never."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from ambient.runs.pictures import save_png
from tests.ambient.noise.pictures import noisy, smooth_with_edges
from toy.cells import cells_of
from toy.cleanliness import check_clean, said
from toy.data import DataSet, load_data
from toy.experiment import run_cells
from toy.options import ToyOptions

DATA = Path(__file__).parents[3] / "shared" / "data"
CLEAN: dict[str, dict[str, Any]] = {
    "cifar10": {"data": "cifar10", "source": "cifar10/cifar-10-batches-py"},
    "cifar10 at 8x8": {"data": "cifar10", "source": "cifar10/cifar-10-batches-py", "resolution": 8},
    "tiny-imagenet": {"data": "tiny-imagenet", "source": "tiny_imagenet/tiny-imagenet-200_subset.zip"},
    "x-rays": {"data": "images", "source": "chest_xray/chest_xray_256.zip", "resolution": 32, "greyscale": True},
}


class Given:
    """A data set of given images."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def some(self, numbers: int) -> Tensor:
        return self.images


def refuse(images: Tensor, **options: Any) -> None:
    data: Any = Given(images)
    check_clean(ToyOptions().changed(data="images", source="here", **options), data)


def clean(name: str) -> tuple[ToyOptions, DataSet]:
    if name == "digits":
        return ToyOptions(), load_data(ToyOptions().source)
    found = dict(CLEAN[name])
    source = DATA / found["source"]
    if not source.exists():
        pytest.skip(f"needs {source}")
    options = ToyOptions().changed(**{**found, "source": str(source)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the subset lacks some of the archive's keys
        return options, load_data(options.source)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", *CLEAN])
def test_clean_images_are_never_refused(name: str) -> None:
    options, data = clean(name)
    check_clean(options.changed(sigma_nature=(0.01,)), data)


@pytest.mark.parametrize("sigma", [0.15, 0.3])
def test_noisy_images_are_refused_with_what_to_do(sigma: float) -> None:
    images = noisy(smooth_with_edges(60), sigma)
    with pytest.raises(ValueError, match=rf"level {sigma:.1f}.*python -m ambient train here --noise.*--allow-noisy"):
        refuse(images, sigma_nature=(0.4, 1.0))
    refuse(images, sigma_nature=(0.4,), allow_noisy=True)


def test_noise_far_below_the_nature_level_is_let_pass() -> None:
    images = noisy(smooth_with_edges(60), 0.05)
    refuse(images, sigma_nature=(0.4,))
    with pytest.raises(ValueError, match="look noisy already"):
        refuse(images, sigma_nature=(0.4, 0.1))


def test_too_few_pixels_tell_nothing() -> None:
    refuse(torch.zeros(2, 1, 8, 8))


def test_an_experiment_on_a_noisy_folder_is_refused_before_it_trains(tmp_path: Path) -> None:
    for i, image in enumerate(noisy(smooth_with_edges(80), 0.3)):
        save_png(tmp_path / "noisy" / f"{i}.png", image)
    options = ToyOptions().changed(data="images", source=str(tmp_path / "noisy"), output=tmp_path / "out", images=(10,))
    with pytest.raises(ValueError, match="look noisy already"):
        run_cells(options, cells_of(options.sweep), Console(quiet=True))
    assert not (tmp_path / "out" / "cells").exists()


def test_it_says_that_noise_is_added() -> None:
    assert "noise is added to them (σ_n = 0.4, auto)" in said(ToyOptions().changed(sigma_nature=(0.4, "auto")))
