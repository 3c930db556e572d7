"""An accelerator that trained a model is as it was lent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from accelerate import Accelerator
from torch import nn

from ambient.training import Callback
from tests.ambient.training.test_loop_options import CONFIG, run


def state(accelerator: Accelerator) -> dict[str, Any]:
    kept = {name: value for name, value in vars(accelerator).items() if not name.startswith("__")}
    lists = {name: list(value) for name, value in kept.items() if isinstance(value, list)}
    gradients = accelerator.gradient_state
    return kept | lists | {"plugin": dict(gradients.plugin_kwargs), "sync": gradients.sync_gradients}


def test_training_leaves_the_accelerator_as_it_was(tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=3)
    accelerator.step = 7
    before = state(accelerator)
    run(tmp_path / "done", replace(CONFIG, accumulation=2), accelerator=accelerator)
    assert state(accelerator) == before

    def stop(denoiser: nn.Module, step: int) -> None:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        run(tmp_path / "stopped", accelerator=accelerator, callbacks=[Callback(3, stop)])
    assert state(accelerator) == before


def test_one_accelerator_trains_twice_alike(tmp_path: Path) -> None:
    accelerator, config = Accelerator(cpu=True), replace(CONFIG, accumulation=2)
    for name in ("one", "two"):
        run(tmp_path / name, config, accelerator=accelerator)
    one, two = (tmp_path / name / "model.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
