"""Lists of fine-tuned models that are judged side by side: the pretrained one, "base", and LoRAs of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sdxl import lora
from sdxl.components import Components
from sdxl.options import BASE


def named(checkpoints: Sequence[str]) -> dict[str, str | None]:
    """Short names of checkpoints, and their sources; None is the pretrained model.

    Args:
        checkpoints: "base", or pytorch_lora_weights.safetensors files or their folders.

    Raises:
        ValueError: If there are none, one does not exist, or one is given twice.
    """
    if not checkpoints:
        raise ValueError('--checkpoints: give at least one, "base" for the pretrained model')
    places = [source if source == BASE else str(lora.file_of(source).resolve()) for source in checkpoints]
    if twice := [source for source, place in zip(checkpoints, places, strict=True) if places.count(place) > 1]:
        raise ValueError(f"--checkpoints: {twice[0]} is given twice")
    for source in checkpoints:
        if source != BASE and not lora.file_of(source).is_file():
            raise ValueError(f'--checkpoints {source}: no {lora.FILE} there; give a training run\'s folder, or "base"')
    parts = [[BASE] if source == BASE else _name_parts(source) for source in checkpoints]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["-".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return {name: None if source == BASE else source for name, source in zip(names, checkpoints, strict=True)}


def digests(checkpoints: dict[str, str | None]) -> dict[str, str]:
    """What identifies each checkpoint, by name."""
    return {name: BASE if source is None else lora.digest(source) for name, source in checkpoints.items()}


@contextmanager
def lora_applied(components: Components, source: str | None) -> Iterator[None]:
    """The model with a LoRA, or as it is for None. Raises ValueError, as `lora.load`, if it does not fit."""
    if source is None:
        yield
        return
    lora.load(components, source)
    try:
        yield
    finally:
        components.pipeline.unload_lora_weights()


def _name_parts(source: str) -> list[str]:
    """The folders to a checkpoint, and the name of its file where that is no usual one."""
    path = Path(source).resolve()
    if path.is_dir():
        return list(path.parts)
    return list(path.parent.parts if path.name == lora.FILE else path.with_suffix("").parts)
