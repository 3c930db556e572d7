"""The folder of a model: what is in it, and where a run keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
FOLDER = "model"
"""Where a run keeps its model."""


class ModelFolderError(OSError):
    """A folder holds no model that can be loaded."""


def model_folder(folder: Path) -> Path:
    """The folder of the model itself: `folder`, or `folder/model` of a run.

    Raises:
        ModelFolderError: If neither holds a model, saying what is there and what to do.
        DamagedFileError: If the config.json beside weights is damaged.
    """
    for candidate in (folder, folder / FOLDER):
        if (candidate / CONFIG).is_file() and (candidate / WEIGHTS).is_file() and _is_ours(candidate / CONFIG):
            return candidate
    several = sorted(path.parent.parent for path in folder.glob(f"*/*/{FOLDER}/{CONFIG}"))
    if several:
        raise ModelFolderError(f"{folder} holds {len(several)} models: give the folder of one, such as {several[0]}")
    if (folder / WEIGHTS).is_file() and _is_masked(folder / CONFIG):
        raise ModelFolderError(
            f"{folder} was trained on masked images: it needs a mask with each image, which a model's folder does not "
            "know; `toy.model.load_model` loads it"
        )
    if (folder / WEIGHTS).is_file():
        raise ModelFolderError(
            f"{folder} holds weights without a model's config.json: an older run, or one of another program. "
            "Run its training command again, which finds it finished and writes the model beside it"
        )
    if older := sorted(path.parent for path in folder.glob(f"*/*/{WEIGHTS}")):
        raise ModelFolderError(
            f"{folder} holds {len(older)} runs without models, such as {older[0]}: an older version's, or unfinished. "
            "Run its command again, which goes on and writes the models, and give the folder of one"
        )
    checkpoints = sorted(path.name for path in folder.rglob("checkpoint*.safetensors"))
    if checkpoints:
        raise ModelFolderError(f"{folder}: its training is not finished; run the same command again to go on")
    if (folder / "model_index.json").is_file():
        raise ModelFolderError(f"{folder} is a diffusers pipeline; load it with diffusers' DiffusionPipeline")
    raise ModelFolderError(f"{folder} holds no model (no {CONFIG} with {WEIGHTS}, here or in {FOLDER}/)")


def weights_of(model_id: str, options: Mapping[str, Any]) -> Path:
    """The file of weights of a folder, or of a Hub id as the mixin's options ask for it."""
    if (folder := Path(model_id)).is_dir():
        return folder / WEIGHTS
    from huggingface_hub import hf_hub_download

    names = ("revision", "cache_dir", "force_download", "token", "local_files_only")
    return Path(hf_hub_download(model_id, WEIGHTS, **{name: options[name] for name in names if name in options}))


def _is_ours(config: Path) -> bool:
    """Whether this is the configuration of a model. Raises DamagedFileError if it is no JSON."""
    from ambient.runs.files import read_json

    return {"network", "channels", "side"} <= read_json(config).keys()


def _is_masked(config: Path) -> bool:
    """Whether the configuration of a training run is that of masked images."""
    return config.is_file() and '"MaskedScoreMatching"' in config.read_text(encoding="utf-8", errors="replace")
