"""A finished cache of latents: its samples, their captions, and what it was made with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ambient.data.shards import ShardedSamples
from ambient.process import Level
from ambient.runs.files import fingerprint, load_tensors, write_json
from ambient.schedules import Discrete
from sdxl.components import Components

_TITLES = {"vae": "another VAE", "text_encoders": "other text encoders"}


def open_latents(folder: Path, components: Components) -> tuple[ShardedSamples, int]:
    """The samples of a cache that `write_latents` finished for this model, and their t_n.

    Raises:
        ValueError: If there is no cache, it is not finished, or it was made with another VAE or other text encoders.
        DamagedShardError: If a shard is damaged.
    """
    if not (folder / "cache.json").is_file():
        raise ValueError(f"{folder} holds no latents; make them with python -m sdxl.latents")
    facts = _read_facts(folder / "cache.json")
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
        ValueError: If those of a shard are missing or damaged.
    """
    texts: dict[int, str] = {}
    key = _read_facts(folder / "cache.json")["key"]
    for path in sorted(folder.glob("latents-*.safetensors")):
        captions = read_captions(path, key)
        if captions is None:
            raise ValueError(
                f"{captions_beside(path)} is missing or damaged; run the same python -m sdxl.latents command again, "
                "which makes only what is missing"
            )
        shard, _ = load_tensors(path, "index", "shared")
        rows = zip(shard["index"].tolist(), shard["shared"].tolist(), strict=True)
        texts |= {index: captions[row] for index, row in rows}
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


def key_of(facts: Mapping[str, Any]) -> str:
    """The key of a cache: SHA-256 of what it is made with, which is everything in cache.json but the key itself."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def shard_name(shard: int) -> str:
    """The file of a shard."""
    return f"latents-{shard:05d}.safetensors"


def captions_beside(shard: Path) -> Path:
    """The file of the captions of a shard."""
    return shard.with_name(shard.stem.replace("latents", "captions") + ".json")


def write_captions(shard: Path, key: str, captions: Sequence[str]) -> None:
    """Write the captions of a shard of the cache `key` beside it, without repetitions, in the order of their states."""
    write_json(captions_beside(shard), {"captions": list(captions), "sha256": _captions_digest(shard, key, captions)})


def read_captions(shard: Path, key: str) -> list[str] | None:
    """The captions beside a shard; None if they are missing, damaged or another shard's."""
    try:
        beside = json.loads(captions_beside(shard).read_text(encoding="utf-8"))
        captions, digest = [str(caption) for caption in beside["captions"]], beside["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return captions if digest == _captions_digest(shard, key, captions) else None


def _captions_digest(shard: Path, key: str, captions: Sequence[str]) -> str:
    """So that no other captions can be taken for those of a shard."""
    return hashlib.sha256(json.dumps([key, shard.name, *captions]).encode()).hexdigest()


def _read_facts(path: Path) -> dict[str, Any]:
    """What a cache was made with."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in (*_TITLES, "nature", "shards", "key") if name not in facts]
        if missing or not {"t_n", "alpha", "sigma"} <= set(facts["nature"]):
            raise ValueError(f"it lacks {', '.join(missing) or 'the nature level'}")
        if facts["key"] != key_of({name: value for name, value in facts.items() if name != "key"}):
            raise ValueError("its contents do not match their checksum, the key")
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged ({error}); remove it and run the same python -m sdxl.latents command again, which "
            "makes only what is missing"
        ) from error
    return dict(facts)


def _float32(module: Any) -> Iterator[Tensor]:
    return (value.float() for value in module.state_dict().values())
