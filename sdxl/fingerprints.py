"""What a model is, by the content of its parts: the same wherever its folder is, and whatever it is called.

The parts that a fine-tuned model shares with its pretrained one are told apart by all of their weights, so two models
of one architecture are never taken for one another.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sdxl.components import Components

_NO_CONTENT = ("_class_name", "_diffusers_version", "_name_or_path", "_use_default_values")


def digest_of(module: nn.Module) -> str:
    """SHA-256 of the names, types, shapes and bytes of a network's weights, as they are loaded."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def source_digest(source: str) -> str:
    """What identifies a network by its source: the SHA-256 of a folder's weights and configuration; a hub id is itself.

    The ids of networks that look at images are loaded at pinned commits.
    """
    folder = Path(source)
    if not folder.is_dir():
        return source
    digest = hashlib.sha256()
    for file in sorted(path for pattern in ("*.safetensors", "*.json") for path in folder.glob(pattern)):
        with open(file, "rb") as content:
            digest.update(f"{file.name} {hashlib.file_digest(content, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()


def model_digests(components: Components) -> dict[str, str]:
    """What identifies a model: its networks, tokenizers and scheduler, by the names of its parts."""
    digests = {}
    for name, part in components.pipeline.components.items():
        if isinstance(part, nn.Module):
            digests[name] = digest_of(part)
        elif name.startswith("tokenizer") and part is not None:
            digests[name] = _digest_of_json(sorted(part.get_vocab().items()))
        elif name == "scheduler":
            config = {key: value for key, value in part.config.items() if key not in _NO_CONTENT}
            digests[name] = _digest_of_json(config)
    return digests


def _digest_of_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
