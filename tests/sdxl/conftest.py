"""The tiny pipelines, and a few pictures with captions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sdxl.components import Components, ModelOptions, load
from sdxl.tiny import Options, write_tiny

CAPTIONS = ["a photo of a cat", "chest x-ray, frontal view", "a dog on a table", "normal lungs"]


def _tiny(folder: Path, **options: object) -> Path:
    write_tiny(Options(folder, resolution=32, **options))  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="session")
def xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SDXL, 32x32 pixels, epsilon prediction."""
    return _tiny(tmp_path_factory.mktemp("tiny") / "xl")


@pytest.fixture(scope="session")
def sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stable Diffusion 2, v prediction."""
    return _tiny(tmp_path_factory.mktemp("tiny") / "sd", variant="sd", prediction="v_prediction")


@pytest.fixture(scope="session")
def inpainting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SDXL inpainting."""
    return _tiny(tmp_path_factory.mktemp("tiny") / "inpainting", variant="inpainting")


@pytest.fixture
def components(xl: Path) -> Components:
    return load(ModelOptions(str(xl)))


def make_pictures(folder: Path, count: int = 20, captions: bool = True, side: int = 40) -> Path:
    """A folder of smooth pictures with metadata.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(count):
        g = torch.Generator().manual_seed(i)
        coarse = torch.rand(1, 3, 5, 5, generator=g)
        image = torch.nn.functional.interpolate(coarse, size=(side, side + 8), mode="bicubic")[0].clamp(0, 1)
        pixels = (image * 255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{i:03d}.png")
        rows.append({"file_name": f"{i:03d}.png", "text": CAPTIONS[i % len(CAPTIONS)]})
    if captions:
        (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures") / "data")
