"""What a training run leaves on disk so that it can go on: the weights it trains, their average, Adam's moments.

Frozen weights are never written: a LoRA of a large model leaves files of the LoRA's size. Where the processes of a run
hold pieces of the weights (FSDP, DeepSpeed), accelerate writes their state, one folder a checkpoint.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from ambient.runs.files import save_tensors, write_json
from ambient.training.accelerators import is_sharded

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


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


def load_trained(module: nn.Module, path: Path) -> None:
    """Load what `trained_state` gave.

    Raises:
        RuntimeError: If the file holds other weights.
    """
    expected, state = trained_state(module).keys(), safetensors.torch.load_file(path)
    if different := sorted(expected ^ state.keys()):
        raise RuntimeError(f"{path} holds the weights of another network: {', '.join(different[:3])}")
    module.load_state_dict(state, strict=False)


class Checkpoints:
    """The checkpoint of one run.

    Args:
        folder: Where `checkpoint.safetensors` is (sharded: `checkpoint.json` and `checkpoint-<step>/`).
        denoiser: The bare module.
        optimizer: Adam over its trainable parameters, in their order.
        ema: Their average, or None.
        accelerator: Of the run.
    """

    def __init__(
        self, folder: Path, denoiser: nn.Module, optimizer: Any, ema: EMAModel | None, accelerator: Accelerator
    ) -> None:
        self.folder, self.denoiser, self.optimizer, self.ema = folder, denoiser, optimizer, ema
        self.accelerator = accelerator
        self.path = folder / ("checkpoint.json" if is_sharded(accelerator) else "checkpoint.safetensors")

    def save(self, step: int, seconds: float) -> None:
        """Write the state after `step` updates, which took `seconds`; every process calls this."""
        if is_sharded(self.accelerator):
            self._save_shards(step, seconds)
        elif self.accelerator.is_main_process:
            save_tensors(self.path, self._tensors(), {"state": json.dumps({"step": step, "seconds": seconds})})

    def load(self) -> tuple[int, float]:
        """Take up the checkpoint, if there is one; returns its step and seconds, else (0, 0.0)."""
        if not self.path.exists():
            return 0, 0.0
        if is_sharded(self.accelerator):
            facts = json.loads(self.path.read_text())
            self.accelerator.load_state(str(self.folder / facts["folder"]))
            return facts["step"], facts["seconds"]
        with safetensors.safe_open(self.path, "pt") as file:
            facts = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in list(file.keys())}
        self._restore(tensors)
        if self.ema is not None:
            self.ema.optimization_step = facts["step"]
        return facts["step"], facts["seconds"]

    def _tensors(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        state = self.optimizer.state_dict()["state"]
        for i, (name, weight) in enumerate(trainable(self.denoiser).items()):
            tensors[f"weight.{name}"] = weight.detach()
            if self.ema is not None:
                tensors[f"average.{name}"] = self.ema.shadow_params[i]
            tensors.update({f"adam.{key}.{name}": value for key, value in state.get(i, {}).items()})
        return tensors | {f"buffer.{name}": value for name, value in self.denoiser.named_buffers()}

    def _restore(self, tensors: dict[str, Tensor]) -> None:
        state = self.optimizer.state_dict()
        with torch.no_grad():
            for i, (name, weight) in enumerate(trainable(self.denoiser).items()):
                weight.copy_(tensors[f"weight.{name}"])
                if self.ema is not None:
                    self.ema.shadow_params[i].copy_(tensors[f"average.{name}"])
                if f"adam.step.{name}" in tensors:
                    state["state"][i] = {key: tensors[f"adam.{key}.{name}"] for key in _MOMENTS}
            for name, buffer in self.denoiser.named_buffers():
                buffer.copy_(tensors[f"buffer.{name}"])
        self.optimizer.load_state_dict(state)

    def _save_shards(self, step: int, seconds: float) -> None:
        name = f"checkpoint-{step}"
        self.accelerator.save_state(str(self.folder / name))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            write_json(self.path, {"step": step, "seconds": seconds, "folder": name})
            for old in self.folder.glob("checkpoint-*"):
                if old.name != name:
                    shutil.rmtree(old)
        self.accelerator.wait_for_everyone()
