"""Damaged files of the SDXL commands are named or made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from ambient.data.shards import save_shard
from ambient.runs.damage import DamagedFileError
from sdxl.evaluate.running import _is_there
from sdxl.latents.cache import captions_of
from sdxl.loading import MissingWeightsError, load
from sdxl.options import ModelOptions
from sdxl.pictures import name_of, read_images, save_png


def test_weights_of_a_model_that_are_cut_off_are_named(xl: Path, tmp_path: Path) -> None:
    shutil.copytree(xl, tmp_path / "xl")
    path = tmp_path / "xl" / "text_encoder" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(MissingWeightsError, match=r"text_encoder/model\.safetensors is damaged"):
        load(ModelOptions(str(tmp_path / "xl")))


def test_a_generated_picture_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / name_of(0)
    save_png(path, torch.rand(3, 8, 8))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DamagedFileError, match=path.name):
        read_images(tmp_path, range(1))


@pytest.mark.parametrize("captions", ["3", '{"a": 1}', "[1, 2]", '["one"]', "[" * 100_000, '["a'])
def test_captions_that_are_no_list_of_captions_are_named(tmp_path: Path, captions: str) -> None:
    path = tmp_path / "latents-00000.safetensors"
    rows = {"x": torch.zeros(2, 4), "index": torch.arange(2), "shared": torch.arange(2)}
    save_shard(path, {**rows, "shared.states": torch.zeros(2, 3)}, "key")
    beside = tmp_path / "captions-00000.json"
    beside.write_text(json.dumps(["a", "b"]))
    assert captions_of(tmp_path) == {0: "a", 1: "b"}
    beside.write_text(captions)
    with pytest.raises(ValueError, match=r"captions-00000\.json"):
        captions_of(tmp_path)


def test_a_damaged_result_of_an_evaluation_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    assert not _is_there(path, "vae")
    path.write_text('{"vae": 1}')
    assert _is_there(path, "vae")
    for content in ('{"vae": ', '{"vad": 1}', "[]"):
        path.write_text(content)
        with pytest.warns(UserWarning, match=r"base\.json is damaged.*made again"):
            assert not _is_there(path, "vae")
