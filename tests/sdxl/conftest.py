"""The tiny pipelines, and a few pictures with captions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sdxl import lora
from sdxl.components import Components
from sdxl.loading import load
from sdxl.options import ModelOptions, RunOptions
from sdxl.tiny import TinyOptions, TinyVisionOptions
from sdxl.tiny.pipeline import write_tiny
from sdxl.tiny.vision import write_vision

CAPTIONS = ["a photo of a cat", "chest x-ray, frontal view", "a dog on a table", "normal lungs"]


def on_cpu(model: Path, output: Path, **changes: Any) -> RunOptions:
    """A model run on the CPU, with its results in `output`."""
    return RunOptions(ModelOptions(str(model)), device="cpu", output=output, **changes)


def _tiny(folder: Path, **options: object) -> Path:
    write_tiny(TinyOptions(folder, resolution=32, **options))  # type: ignore[arg-type]
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


def make_lora(model: Path, folder: Path, scale: float = 0.3) -> Path:
    """The folder of a LoRA that changes a model."""
    components = load(ModelOptions(str(model)))
    lora.attach(components)
    for i, parameter in enumerate(p for p in components.unet.parameters() if p.requires_grad):
        g = torch.Generator().manual_seed(i)
        parameter.data = scale * torch.randn(parameter.shape, generator=g)
    lora.save(components, folder / lora.FILE)
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures") / "data")


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five of the pictures."""
    return make_pictures(tmp_path_factory.mktemp("few") / "data", 5)


@pytest.fixture(scope="session")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DINOv2, a CLIP and a detector of random weights."""
    folder = tmp_path_factory.mktemp("vision") / "networks"
    write_vision(TinyVisionOptions(folder))
    return folder
