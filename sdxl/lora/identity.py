"""What an adapter is, and which weights it was trained on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from sdxl.components import Components

FILE = "pytorch_lora_weights.safetensors"
_PEFT_FILE = "adapter_model.safetensors"


def file_of(source: str | Path) -> Path:
    """The file of an adapter, given itself or its folder; it need not exist."""
    path = Path(source)
    if path.is_dir():
        return path / _PEFT_FILE if (path / _PEFT_FILE).is_file() and not (path / FILE).is_file() else path / FILE
    return path


def digest(source: str | Path) -> str:
    """SHA-256 of an adapter's file: what a run that uses it is."""
    return hashlib.sha256(file_of(source).read_bytes()).hexdigest()


def base_of(components: Components) -> dict[str, Any]:
    """What identifies the weights under an adapter: their name and a probe of the first convolution."""
    weight = components.unet.conv_in.weight.detach().float().flatten()
    probe = weight[:: max(1, len(weight) // 16)][:16]
    return {"model": components.options.model, "probe": [round(float(value), 6) for value in probe]}
