"""What is loaded from where."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from sdxl.loading import load
from sdxl.options import COMMITS, FP16_VAE, SDXL, ModelOptions
from sdxl.tiny import TinyOptions
from sdxl.tiny.pipeline import write_tiny


def test_defaults_are_pinned_and_nothing_is_fetched_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def record(source: str, **options: object) -> object:
        asked.append({"source": source, **options})
        return StableDiffusionPipeline if source == "" else None

    monkeypatch.setattr("sdxl.loading.AutoencoderKL.from_pretrained", record)
    monkeypatch.setattr("sdxl.loading.DiffusionPipeline.from_pretrained", record)
    for download in (False, True):
        with pytest.raises(ValueError, match="is a NoneType"):
            load(ModelOptions(download=download))
    assert [call["source"] for call in asked] == [FP16_VAE, SDXL] * 2
    assert all(call["revision"] == COMMITS[str(call["source"])] for call in asked)
    assert all(call["use_safetensors"] is True for call in asked)
    assert [call["local_files_only"] for call in asked] == [True, True, False, False]


def test_a_vae_of_another_folder_is_used(xl: Path, tmp_path: Path) -> None:
    write_tiny(TinyOptions(tmp_path, resolution=32, seed=1))
    components = load(ModelOptions(str(xl), vae=str(tmp_path)))
    for name, folder in (("vae", tmp_path), ("unet", xl)):
        theirs = StableDiffusionXLPipeline.from_pretrained(folder).components[name].state_dict()
        for key, value in components.pipeline.components[name].state_dict().items():
            assert torch.equal(value, theirs[key])
