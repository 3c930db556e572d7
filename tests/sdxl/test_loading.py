"""What is loaded from where."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from diffusers import StableDiffusionXLPipeline
from torch import nn

from sdxl.loading import load
from sdxl.options import COMMITS, FP16_VAE, SDXL, ModelOptions
from sdxl.tiny import TinyOptions
from sdxl.tiny.pipeline import write_tiny


def test_defaults_are_pinned_and_nothing_is_fetched_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of the hub, of every part."""
    asked: list[dict[str, Any]] = []
    index = {
        "_class_name": "StableDiffusionXLPipeline",
        "unet": ("diffusers", "UNet2DConditionModel"),
        "vae": ("diffusers", "AutoencoderKL"),
    }

    def config(source: str, **options: Any) -> object:
        asked.append({"source": source, "use_safetensors": True, **options})
        return index

    def part(source: str, **options: Any) -> object:
        asked.append({"source": source, **options})
        return nn.Linear(1, 1), {"missing_keys": [], "mismatched_keys": []}

    def pipeline(source: str, **options: Any) -> object:
        asked.append({"source": source, **options})
        raise OSError("enough")

    monkeypatch.setattr("sdxl.loading.DiffusionPipeline.load_config", config)
    monkeypatch.setattr("sdxl.loading.DiffusionPipeline.from_pretrained", pipeline)
    monkeypatch.setattr("diffusers.AutoencoderKL.from_pretrained", part)
    monkeypatch.setattr("diffusers.UNet2DConditionModel.from_pretrained", part)
    for download in (False, True):
        with pytest.raises(OSError, match="is not in the local Hugging Face cache"):
            load(ModelOptions(download=download))
    assert [call["source"] for call in asked] == [SDXL, FP16_VAE, SDXL, SDXL] * 2
    assert all(call["revision"] == COMMITS[str(call["source"])] for call in asked)
    assert all(call["use_safetensors"] is True for call in asked)
    assert [call["local_files_only"] for call in asked] == [True] * 4 + [False] * 4


def test_a_vae_of_another_folder_is_used(xl: Path, tmp_path: Path) -> None:
    write_tiny(TinyOptions(tmp_path, resolution=32, seed=1))
    components = load(ModelOptions(str(xl), vae=str(tmp_path)))
    for name, folder in (("vae", tmp_path), ("unet", xl)):
        theirs = StableDiffusionXLPipeline.from_pretrained(folder).components[name].state_dict()
        for key, value in components.pipeline.components[name].state_dict().items():
            assert torch.equal(value, theirs[key])


@pytest.fixture
def copy(xl: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(xl, tmp_path / "copy"))


@pytest.mark.parametrize("number", ["", "_2"])
@pytest.mark.parametrize("files", ["*", "tokenizer.json"])
def test_a_tokenizer_that_is_missing_is_not_made_up(number: str, files: str, copy: Path) -> None:
    """transformers then makes one of its special tokens, by which all prompts are the same."""
    for file in (copy / f"tokenizer{number}").glob(files):
        file.unlink()
    with pytest.raises(
        ValueError, match=rf"tokenizer{number} has [23] tokens and text_encoder{number} has \d+; .*again"
    ):
        load(ModelOptions(str(copy)))


def test_a_tokenizer_without_a_limit_is_refused(copy: Path) -> None:
    (copy / "tokenizer" / "tokenizer_config.json").unlink()
    with pytest.raises(ValueError, match="tokenizer does not cut prompts at the 77 tokens"):
        load(ModelOptions(str(copy)))


@pytest.mark.parametrize(
    ("part", "file"),
    [
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
        ("text_encoder_2", "model"),
    ],
)
def test_weights_that_are_missing_are_not_drawn_at_random(part: str, file: str, copy: Path) -> None:
    path = copy / part / f"{file}.safetensors"
    weights = safetensors.torch.load_file(path)
    del weights[next(name for name in sorted(weights) if name.endswith("weight"))]
    safetensors.torch.save_file(weights, path, {"format": "pt"})
    with pytest.raises(ValueError, match=rf"lacks 1 weights of its {part}, such as .*, which would be random"):
        load(ModelOptions(str(copy)))


def test_pickles_are_named_and_not_opened(copy: Path) -> None:
    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(safetensors.torch.load_file(path), path.with_suffix(".bin"))
    path.unlink()
    with pytest.raises(OSError, match=r"unet/diffusion_pytorch_model\.bin is a pickle, .*save it as safetensors"):
        load(ModelOptions(str(copy)))
