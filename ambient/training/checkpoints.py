"""What a training run leaves on disk so that it can go on: the weights it trains, their average, Adam's moments.

Frozen weights are never written: a LoRA of a large model leaves files of the LoRA's size. Where the processes of a run
hold pieces of the weights (FSDP, DeepSpeed), accelerate writes their state, one folder a checkpoint.

The checkpoint before the newest is kept. A newest one that is damaged is passed over for it, and said to be.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from ambient.runs.damage import DamagedFileError, reading
from ambient.runs.files import load_tensors, save_tensors
from ambient.runs.results import read_results, write_results
from ambient.training.accelerators import is_sharded

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
_REMEDY = "copy a whole one in its place, or remove it to train anew"


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that require a gradient, by name.

    Raises:
        ValueError: If there are none.
    """
    found = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    if not found:
        raise ValueError("nothing to train: no parameter of the denoiser requires a gradient")
    return found


def trained_state(module: nn.Module, state: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """`state`, by default that of the module, without the frozen parameters."""
    frozen = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    whole = module.state_dict() if state is None else state
    return {name: value for name, value in whole.items() if name not in frozen}


def load_trained(module: nn.Module, path: Path) -> dict[str, str]:
    """Load what `trained_state` gave; returns the file's metadata.

    Raises:
        DamagedFileError: If the file is damaged.
        RuntimeError: If the file holds other weights.
    """
    state, facts = load_tensors(path)
    expected = trained_state(module)
    if different := sorted(expected.keys() ^ state.keys()):
        raise RuntimeError(f"{path} holds the weights of another network: {', '.join(different[:3])}")
    if other := [name for name, value in state.items() if value.shape != expected[name].shape]:
        raise RuntimeError(f"{path} holds the weights of another network: {other[0]} is {tuple(state[other[0]].shape)}")
    module.load_state_dict(state, strict=False)
    return facts


@dataclass(frozen=True)
class Position:
    """Where a run is.

    Attributes:
        step: Updates done.
        seconds: What they took.
        window: What has happened since the last record of the log, `progress.Window.state`.
    """

    step: int = 0
    seconds: float = 0.0
    window: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Position:
        """From what a checkpoint says."""
        return cls(int(facts["step"]), float(facts["seconds"]), dict(facts["window"]))


class Checkpoints:
    """The newest checkpoint of one run, and the one before it.

    Args:
        folder: Where `checkpoint.safetensors` and `checkpoint-previous.safetensors` are (of weights in pieces: JSON
            files that name the folders of their states, `checkpoint-<step>/`).
        denoiser: The bare module.
        optimizer: Adam over its trainable parameters, in their order.
        average: Their moving average, or None.
        accelerator: Of the run.
    """

    def __init__(
        self, folder: Path, denoiser: nn.Module, optimizer: Any, average: EMAModel | None, accelerator: Accelerator
    ) -> None:
        self.folder, self.denoiser, self.optimizer, self.average = folder, denoiser, optimizer, average
        self.accelerator = accelerator
        ending = "json" if is_sharded(accelerator) else "safetensors"
        self.path = folder / f"checkpoint.{ending}"
        self.previous = folder / f"checkpoint-previous.{ending}"
        self._newest: int | None = None
        """Step of the checkpoint in `path`, where that is whole."""

    def save(self, position: Position) -> None:
        """Write the state of the run; every process calls this."""
        if position.step == self._newest:
            return
        if is_sharded(self.accelerator):
            self._save_pieces(position)
        elif self.accelerator.is_main_process:
            self._keep_previous()
            save_tensors(self.path, self._tensors(), {"state": json.dumps(asdict(position))})
        self._newest = position.step

    def load(self) -> Position:
        """Take up the newest whole checkpoint; the start of a run, if there is none at all.

        Warns:
            UserWarning: If that is not the newest one, naming what is wrong with that, and the step.

        Raises:
            DamagedFileError: If no checkpoint is whole, naming each.
        """
        damage: list[str] = []
        for path in (self.path, self.previous):
            if not path.exists():
                continue
            try:
                position = self._load_pieces(path) if is_sharded(self.accelerator) else self._load(path)
            except DamagedFileError as error:
                damage.append(str(error))
                continue
            if path == self.path:
                self._newest = position.step
            elif self.accelerator.is_main_process:
                why = damage[0] if damage else f"{self.path} is missing"
                warnings.warn(f"{why}. Going on from {path.name}, at update {position.step}", stacklevel=2)
            return position
        if damage:
            raise DamagedFileError(". ".join(damage))
        return Position()

    def exist(self) -> bool:
        """Whether there is one, whole or not."""
        return self.path.exists() or self.previous.exists()

    def _keep_previous(self) -> None:
        """Let the newest checkpoint, if it is whole, be the one before the newest too."""
        if self._newest is None:
            return
        beside = self.previous.with_name(f".{self.previous.name}.{os.getpid()}.tmp")
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        try:
            os.link(self.path, beside)
        except OSError:  # a file system without links
            shutil.copyfile(self.path, beside)
        os.replace(beside, self.previous)

    def _tensors(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        state = self.optimizer.state_dict()["state"]
        for i, (name, weight) in enumerate(trainable(self.denoiser).items()):
            tensors[f"weight.{name}"] = weight.detach()
            if self.average is not None:
                tensors[f"average.{name}"] = self.average.shadow_params[i]
            tensors.update({f"adam.{key}.{name}": value for key, value in state.get(i, {}).items()})
        return tensors | {f"buffer.{name}": value for name, value in self.denoiser.named_buffers()}

    def _load(self, path: Path) -> Position:
        tensors, facts = load_tensors(path, *self._names(), remedy=_REMEDY)
        with reading(path, _REMEDY):
            position = Position.of(json.loads(facts["state"]))
        self._restore(tensors)
        if self.average is not None:
            self.average.optimization_step = position.step
        return position

    def _names(self) -> list[str]:
        """What a checkpoint of this run holds, but for the moments, which come with the first update."""
        weights = list(trainable(self.denoiser))
        averages = [] if self.average is None else [f"average.{name}" for name in weights]
        buffers = [f"buffer.{name}" for name, _ in self.denoiser.named_buffers()]
        return [*(f"weight.{name}" for name in weights), *averages, *buffers]

    def _restore(self, tensors: dict[str, Tensor]) -> None:
        state = self.optimizer.state_dict()
        with torch.no_grad():
            for i, (name, weight) in enumerate(trainable(self.denoiser).items()):
                weight.copy_(tensors[f"weight.{name}"])
                if self.average is not None:
                    self.average.shadow_params[i].copy_(tensors[f"average.{name}"])
                if f"adam.step.{name}" in tensors:
                    state["state"][i] = {key: tensors[f"adam.{key}.{name}"] for key in _MOMENTS}
            for name, buffer in self.denoiser.named_buffers():
                buffer.copy_(tensors[f"buffer.{name}"])
        self.optimizer.load_state_dict(state)

    def _save_pieces(self, position: Position) -> None:
        name = f"checkpoint-{position.step}"
        self.accelerator.save_state(str(self.folder / name))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            self._keep_previous()
            facts = {**asdict(position), "folder": name, "files": _checksums(self.folder / name)}
            write_results(self.path, facts)
            kept = {read_results(path, "folder")["folder"] for path in (self.path, self.previous) if path.exists()}
            for old in self.folder.glob("checkpoint-*/"):
                if old.name not in kept and old.name.removeprefix("checkpoint-").isdigit():
                    shutil.rmtree(old)
        self.accelerator.wait_for_everyone()

    def _load_pieces(self, path: Path) -> Position:
        facts = read_results(path, "folder", "files", remedy=_REMEDY)
        with reading(path, _REMEDY):
            position = Position.of(facts)
        state = self.folder / str(facts["folder"])
        if _checksums(state) != facts["files"]:
            raise DamagedFileError.of(state, "its files do not match the checksums of " + path.name, _REMEDY)
        self.accelerator.load_state(str(state))
        return position


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by its name there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
