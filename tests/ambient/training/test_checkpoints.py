from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ambient.training import Callback
from ambient.training.checkpoints import load_trained, trainable, trained_state
from tests.ambient.training.test_loop_options import CONFIG, run


@pytest.fixture
def sharded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of weights in pieces, whose files accelerate writes; here of one piece, as FSDP needs GPUs."""
    for module in ("accelerators", "checkpoints", "loop"):
        monkeypatch.setattr(f"ambient.training.{module}.is_sharded", lambda accelerator: True)


@pytest.mark.usefixtures("sharded")
def test_states_that_accelerate_writes_resume_bit_for_bit(tmp_path: Path) -> None:
    config = replace(CONFIG, ema=0.0, accumulation=2)
    run(tmp_path / "whole", config, freeze=True)

    def stop(denoiser: nn.Module, step: int) -> None:
        raise KeyboardInterrupt

    for every in (7, 13, 19):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", config, freeze=True, callbacks=[Callback(every, stop)])
    assert json.loads((tmp_path / "parts" / "checkpoint.json").read_text())["step"] == 10
    assert [path.name for path in (tmp_path / "parts").glob("checkpoint-*")] == ["checkpoint-10"]
    run(tmp_path / "parts", config, freeze=True)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert files[0] == files[1]
    assert b"first" not in files[0], "frozen weights are not written"


@pytest.mark.usefixtures("sharded")
def test_an_average_of_weights_in_pieces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set ema to 0"):
        run(tmp_path)


def test_only_what_is_trained_is_kept(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    module[0].requires_grad_(False)
    assert list(trainable(module)) == ["1.weight", "1.bias", "2.weight", "2.bias"]
    state = trained_state(module)
    assert "1.running_mean" in state
    assert not any(name.startswith("0.") for name in state)
    from ambient.runs.files import save_tensors

    save_tensors(tmp_path / "a.safetensors", {name: value + 1 for name, value in state.items()})
    before = module[0].weight.clone()
    load_trained(module, tmp_path / "a.safetensors")
    assert torch.equal(module[0].weight, before)
    assert torch.equal(module[2].weight, state["2.weight"])
    with pytest.raises(RuntimeError, match=r"another network: 1\.bias"):
        load_trained(nn.Linear(2, 1), tmp_path / "a.safetensors")
