"""A finished cache of latents: its samples, their captions, and what it was made with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ambient.data.shards import ShardedSamples
from ambient.process import Discrete, Level
from ambient.runs.damage import reading
from ambient.runs.files import fingerprint, load_tensors, read_json
from sdxl.components import Components

_AGAIN = "make the latents again"
_TITLES = {"vae": "another VAE", "text_encoders": "other text encoders"}


def open_latents(folder: Path, components: Components) -> tuple[ShardedSamples, int]:
    """The samples of a cache that `write_latents` finished for this model, and their t_n.

    Raises:
        ValueError: If there is no cache, it is not finished, or it was made with another VAE or other text encoders.
        DamagedShardError: If a shard is damaged.
    """
    if not (folder / "cache.json").is_file():
        raise ValueError(f"{folder} holds no latents; make them with python -m sdxl.latents")
    facts = read_json(folder / "cache.json", "key", "nature", "shards", "vae", "text_encoders", remedy=_AGAIN)
    if not (folder / "index.json").is_file():
        raise ValueError(f"the latents in {folder} are not finished; run the same python -m sdxl.latents command again")
    model = components.options.model
    for name, value in encoders_of(components).items():
        if facts[name] != value:
            raise ValueError(f"{folder} was made with {_TITLES[name]} than those of --model {model}")
    t_n, nature = facts["nature"]["t_n"], Level(facts["nature"]["alpha"], facts["nature"]["sigma"])
    if not torch.isclose(nature_level(components.process, t_n).sigma, nature.sigma):
        raise ValueError(f"{folder} was made with another noise schedule than that of --model {model}")
    paths = [folder / shard_name(i) for i in range(facts["shards"])]
    return ShardedSamples(paths, nature, facts["key"]), t_n


def captions_of(folder: Path) -> dict[int, str]:
    """The caption of each sample of a finished cache, by its index.

    Raises:
        ValueError: If they are not beside a shard.
    """
    texts: dict[int, str] = {}
    for path in sorted(folder.glob("latents-*.safetensors")):
        shard, _ = load_tensors(path, "index", "shared")
        beside = captions_beside(path)
        try:
            with reading(beside, _AGAIN):
                captions = json.loads(beside.read_bytes())
                if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
                    raise TypeError("it is no list of captions")
                rows = zip(shard["index"].tolist(), shard["shared"].tolist(), strict=True)
                texts |= {index: captions[row] for index, row in rows}
        except OSError as error:
            raise ValueError(f"{beside} cannot be read ({error}); make the latents again") from error
    return texts


def nature_level(process: Discrete, t_n: int) -> Level:
    """The level of step t_n as P1 counts: 0 is clean data.

    Raises:
        ValueError: If the model has no such step.
    """
    if not 0 <= t_n < len(process):
        raise ValueError(f"--nature {t_n}: this model has the steps 0 (clean) to {len(process) - 1}")
    return process.level(float(t_n)) if t_n else Level.clean()


def encoders_of(components: Components) -> dict[str, str]:
    """What identifies VAE and text encoders, whatever their precision: their weights as loaded."""
    parts = components.pipeline.components
    pairs = [("text_encoder", "tokenizer"), ("text_encoder_2", "tokenizer_2")]
    pairs = [(encoder, tokenizer) for encoder, tokenizer in pairs if parts.get(encoder) is not None]
    words = json.dumps([sorted(parts[tokenizer].get_vocab().items()) for _, tokenizer in pairs])
    text = [fingerprint(*_float32(parts[encoder])) for encoder, _ in pairs]
    text.append(hashlib.sha256(words.encode()).hexdigest())
    vae = fingerprint(*_float32(parts["vae"])) + f" * {parts['vae'].config.scaling_factor:g}"
    return {"vae": vae, "text_encoders": hashlib.sha256("".join(text).encode()).hexdigest()}


def shard_name(shard: int) -> str:
    """The file of a shard."""
    return f"latents-{shard:05d}.safetensors"


def captions_beside(shard: Path) -> Path:
    """The file of the captions of a shard, a JSON list without repetitions."""
    return shard.with_name(shard.stem.replace("latents", "captions") + ".json")


def _float32(module: Any) -> Iterator[Tensor]:
    return (value.float() for value in module.state_dict().values())
