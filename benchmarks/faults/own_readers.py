"""Hostile inputs for the readers of what our own commands write, and of the files that users hand to them."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from accelerate import Accelerator
from torch import nn

from ambient.data.images.loading import ImageSet, load_images
from ambient.data.images.options import ImageOptions
from ambient.data.images.subsets import IndexList, read_index_list, write_index_list
from ambient.data.images.validation import DataSetError
from ambient.data.shards import ShardedSamples, save_shard
from ambient.metrics.frechet import FeatureStatistics
from ambient.models import Model
from ambient.models.loading import load
from ambient.process import Level
from ambient.runs.damage import DamagedFileError
from ambient.runs.files import load_tensors, read_json, read_records, save_tensors
from ambient.runs.identity import ConfigMismatchError, claim_folder
from ambient.runs.pictures import read_image, save_array, save_png
from ambient.runs.results import read_results, write_results
from ambient.training.checkpoints import Checkpoints, Position
from benchmarks.faults.readers import Reader, json_of_labels
from sdxl import lora
from sdxl.checkpoints import lora_applied
from sdxl.latents.cache import captions_of
from sdxl.loading import load as load_pipeline
from sdxl.mitigation.captions import read_several
from sdxl.options import ModelOptions
from sdxl.prompts import read_prompts
from sdxl.tiny import TinyOptions
from sdxl.tiny.pipeline import write_tiny

_KEY = "a key"


def readers() -> dict[str, Reader]:
    """Every reader of our own files, and of prompts, by name."""
    damaged = (DamagedFileError,)
    tensors = _written("x.safetensors", lambda path: save_tensors(path, {"a": torch.arange(6.0)}, {"b": "c"}))
    record, lines = b'{"step": 3, "loss": 0.25, "name": "\xc3\xa9"}', b'{"step": 1, "loss": 2.5}\n' * 3
    results = _written("x.json", lambda path: write_results(path, {"step": 3, "loss": 0.25, "rows": [1, None]}))
    prompts, table = "a cat\n\nein Käfer\n".encode(), b'text,n\n"a cat, and",1\na dog,2\n'
    captions = b'{"text": "a cat", "others": ["a small cat", "a pet"]}\n' * 2
    others = (OSError, ValueError, RuntimeError)
    return {
        "JSON of ours": _reader("x.json", lambda path: read_json(path, "step"), (record,), damaged, json_of_labels),
        "results": _reader("x.json", lambda path: read_results(path, "step"), (results,), damaged, json_of_labels),
        "JSON lines of ours": _reader("x.jsonl", lambda path: read_records(path, "step"), (lines,), damaged),
        "config.json": _reader("config.json", _claim, (_claimed(),), (ConfigMismatchError,), json_of_labels),
        "tensors of ours": _reader("x.safetensors", lambda path: load_tensors(path, "a"), (tensors,), damaged),
        "tensors of others": _reader("x.safetensors", _load_foreign, (tensors, _without_checksum()), damaged),
        "shard": _reader("latents-00000.safetensors", _read_shard, (_shard(),), damaged),
        "statistics": _reader("x.safetensors", FeatureStatistics.load, (_statistics(),), (ValueError,)),
        "published statistics": _reader("x.npz", FeatureStatistics.read_npz, (_npz(),), (ValueError,), share=2),
        "checkpoint": _reader("checkpoint.safetensors", _read_checkpoint, (_checkpoint(),), damaged, share=2),
        "weights of a model": _reader(
            "model.safetensors", _read_weights, (_model("model.safetensors"),), damaged, share=0.5
        ),
        "settings of a model": _reader("config.json", _read_settings, (_model("config.json"),), others, share=1),
        "picture": _reader("x.png", read_image, (_written("x.png", _save_picture),), damaged),
        "array": _reader("x.npy", read_image, (_written("x.npy", _save_array),), damaged),
        "list of indices": _reader("x.json", _read_indices, (_indices(),), (DataSetError,), json_of_labels),
        "prompts": _reader("x.txt", read_prompts, (prompts,), (ValueError,)),
        "prompts in CSV": _reader("x.csv", read_prompts, (table,), (ValueError,)),
        "prompts in JSON lines": _reader("x.jsonl", read_prompts, (captions,), (ValueError,), json_of_labels),
        "several captions": _reader("x.jsonl", read_several, (captions,), (ValueError,), json_of_labels),
        "captions of latents": _reader("captions-00000.json", _read_captions, (b'["a cat", "a dog"]',), (ValueError,)),
        "LoRA": _reader("pytorch_lora_weights.safetensors", _read_lora, (_lora(),), (ValueError, *damaged), share=0.25),
    }


@cache
def _folder_of(process: int) -> Path:
    """A folder of a process, for files that are read; whoever forked it removes it."""
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def _reader(
    name: str,
    read: Callable[[Path], object],
    seeds: tuple[bytes, ...],
    errors: tuple[type[Exception], ...],
    programs: Callable[[random.Random], bytes] | None = None,
    share: float = 10,
) -> Reader:
    """A reader of a file of this name; what it made in reading the one before is gone."""

    def act(content: bytes) -> object:
        path = _folder_of(os.getpid()) / name
        path.unlink(missing_ok=True)  # a new file: what was read of the one before may still be mapped
        path.write_bytes(content)
        return read(path)

    return Reader(act, seeds, programs, errors, share)


def _written(name: str, write: Callable[[Path], object]) -> bytes:
    """The bytes of a file that `write` makes."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


_IDENTITY = {"steps": 3, "rate": 0.25, "data": "some images", "levels": [0.5, 1.0]}


def _claimed() -> bytes:
    return _written("config.json", lambda path: claim_folder(path.parent, _IDENTITY))


def _claim(path: Path) -> None:
    claim_folder(path.parent, _IDENTITY)


def _load_foreign(path: Path) -> object:
    return load_tensors(path, "a", foreign=True)


def _without_checksum() -> bytes:
    return safetensors.torch.save({"a": torch.arange(6.0)}, {"b": "c"})


@cache
def _shard() -> bytes:
    tensors = {"x": torch.zeros(2, 4), "index": torch.arange(2), "shared": torch.zeros(2, dtype=torch.int64)}
    return _written(
        "latents-00000.safetensors", lambda path: save_shard(path, {**tensors, "shared.s": torch.ones(1, 3)}, _KEY)
    )


def _read_shard(path: Path) -> object:
    samples = ShardedSamples([path], Level.clean(), _KEY)
    return samples.batch(torch.arange(len(samples)))


def _statistics() -> bytes:
    return _written("x.safetensors", lambda path: FeatureStatistics.of(torch.eye(3), "pixels").save(path))


def _npz() -> bytes:
    return _written("x.npz", lambda path: np.savez(path, mu=np.zeros(3), sigma=np.eye(3)))


@cache
def _network() -> tuple[nn.Module, Any, Accelerator]:
    network = nn.Linear(3, 2)
    return network, torch.optim.Adam(network.parameters()), Accelerator(cpu=True)


def _checkpoints(folder: Path) -> Checkpoints:
    network, optimizer, accelerator = _network()
    return Checkpoints(folder, network, optimizer, None, accelerator)


def _checkpoint() -> bytes:
    return _written("checkpoint.safetensors", lambda path: _checkpoints(path.parent).save(Position(3, 0.5, {})))


def _read_checkpoint(path: Path) -> object:
    return _checkpoints(path.parent).load()


@cache
def _whole_model() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        Model("small", 1, 8).save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _model(name: str) -> bytes:
    return _whole_model()[name]


def _read_weights(path: Path) -> object:
    (path.parent / "config.json").write_bytes(_model("config.json"))
    return load(path.parent)


def _read_settings(path: Path) -> object:
    (path.parent / "model.safetensors").write_bytes(_model("model.safetensors"))
    return load(path.parent)


def _save_picture(path: Path) -> None:
    save_png(path, torch.linspace(-1, 1, 48).reshape(3, 4, 4))


def _save_array(path: Path) -> None:
    save_array(path, torch.linspace(-1, 1, 48).reshape(3, 4, 4))


@cache
def _images() -> ImageSet:
    """A data set of a few images."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for i in range(4):
            save_png(Path(folder) / f"{i}.png", torch.full((3, 4, 4), i / 4))
        return load_images(folder, ImageOptions())


def _indices() -> bytes:
    chosen = IndexList(torch.tensor([2, 0]), 0, False)
    return _written("x.json", lambda path: write_index_list(path, chosen, _images()))


def _read_indices(path: Path) -> object:
    return read_index_list(path, _images())


def _read_captions(path: Path) -> object:
    (path.parent / "latents-00000.safetensors").write_bytes(_shard())
    return captions_of(path.parent)


@cache
def _pipeline() -> Any:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        write_tiny(TinyOptions(Path(folder) / "tiny", resolution=16))
        return load_pipeline(ModelOptions(str(Path(folder) / "tiny")))


def _lora() -> bytes:
    components = _pipeline()
    lora.attach(components, rank=1)
    content = _written(lora.FILE, lambda path: lora.save(components, path))
    components.pipeline.unload_lora_weights()
    return content


def _read_lora(path: Path) -> object:
    with lora_applied(_pipeline(), str(path)):
        return None
