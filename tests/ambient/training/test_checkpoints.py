from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ambient.runs.damage import DamagedFileError
from ambient.runs.files import load_tensors, read_records, save_tensors
from ambient.training import Callback
from ambient.training.checkpoints import load_trained, trainable, trained_state
from tests.ambient.training.test_loop_options import CONFIG, run

FOUR = replace(CONFIG, checkpoint_every=5)
"""Four checkpoints, the last at the end."""


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
    assert [path.name for path in (tmp_path / "parts").glob("checkpoint-*/")] == ["checkpoint-10"]
    run(tmp_path / "parts", config, freeze=True)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert files[0] == files[1]
    assert b"first" not in files[0], "frozen weights are not written"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 16
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_it(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    run(tmp_path / "whole", FOUR)
    folder = tmp_path / "damaged"
    run(folder, FOUR)
    (folder / "model.safetensors").unlink()
    damage(folder / "checkpoint.safetensors")
    said = r"checkpoint\.safetensors is damaged: .* Going on from checkpoint-previous\.safetensors, at update 15"
    with pytest.warns(UserWarning, match=said):
        run(folder, FOUR)
    assert (folder / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    logs = [[r | {"seconds": 0} for r in read_records(tmp_path / n / "log.jsonl")] for n in ("whole", "damaged")]
    assert logs[0] == logs[1]


def test_a_damaged_checkpoint_never_takes_the_place_of_the_whole_one_before_it(tmp_path: Path) -> None:
    run(tmp_path, FOUR)
    previous = (tmp_path / "checkpoint-previous.safetensors").read_bytes()
    (tmp_path / "model.safetensors").unlink()
    cut(tmp_path / "checkpoint.safetensors")

    def stop(denoiser: nn.Module, step: int) -> None:
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="at update 15"), pytest.raises(KeyboardInterrupt):
        run(tmp_path, FOUR, callbacks=[Callback(17, stop)])
    assert (tmp_path / "checkpoint-previous.safetensors").read_bytes() == previous
    with pytest.warns(UserWarning, match="at update 15"):
        run(tmp_path, FOUR)
    assert (tmp_path / "checkpoint-previous.safetensors").read_bytes() == previous


def test_no_whole_checkpoint_is_one_error_that_names_both(tmp_path: Path) -> None:
    run(tmp_path, FOUR)
    (tmp_path / "model.safetensors").unlink()
    paths = [tmp_path / name for name in ("checkpoint.safetensors", "checkpoint-previous.safetensors")]
    for path in paths:
        cut(path)
    with pytest.raises(DamagedFileError, match="remove it to train anew") as caught:
        run(tmp_path, FOUR)
    assert all(str(path) in str(caught.value) for path in paths)
    for path in paths:
        path.unlink()
    run(tmp_path, FOUR)


def test_a_newest_checkpoint_that_is_gone_is_missed(tmp_path: Path) -> None:
    run(tmp_path, FOUR)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "checkpoint.safetensors").unlink()
    with pytest.warns(UserWarning, match=r"checkpoint\.safetensors is missing\. Going on from .* at update 15"):
        run(tmp_path, FOUR)


@pytest.mark.parametrize("state", ["{}", "[]", "{", '{"step": "x", "seconds": 0, "window": {}}', None])
def test_a_checkpoint_that_does_not_say_where_it_is_is_damaged(tmp_path: Path, state: str | None) -> None:
    run(tmp_path, FOUR)
    (tmp_path / "model.safetensors").unlink()
    path = tmp_path / "checkpoint.safetensors"
    save_tensors(path, load_tensors(path)[0], {} if state is None else {"state": state})
    with pytest.warns(UserWarning, match=r"checkpoint\.safetensors is damaged"):
        run(tmp_path, FOUR)


def test_a_checkpoint_that_lacks_weights_is_damaged(tmp_path: Path) -> None:
    run(tmp_path, FOUR)
    (tmp_path / "model.safetensors").unlink()
    tensors, facts = load_tensors(tmp_path / "checkpoint.safetensors")
    del tensors["weight.network.first.bias"]
    save_tensors(tmp_path / "checkpoint.safetensors", tensors, facts)
    with pytest.warns(UserWarning, match=r"'weight\.network\.first\.bias' is missing"):
        run(tmp_path, FOUR)


@pytest.mark.usefixtures("sharded")
def test_a_damaged_state_of_accelerate_is_passed_over_too(tmp_path: Path) -> None:
    config = replace(FOUR, ema=0.0)
    run(tmp_path / "whole", config)
    folder = tmp_path / "damaged"
    run(folder, config)
    assert sorted(path.name for path in folder.glob("checkpoint-*/")) == ["checkpoint-15", "checkpoint-20"]
    (folder / "model.safetensors").unlink()
    flip(folder / "checkpoint-20" / "optimizer.bin")
    with pytest.warns(UserWarning, match=r"checkpoint-20 is damaged: its files do not match .* at update 15"):
        run(folder, config)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "damaged")]
    assert files[0] == files[1]
    (folder / "model.safetensors").unlink()
    (folder / "checkpoint.json").write_text("{")
    with pytest.warns(UserWarning, match=r"checkpoint\.json is damaged: it is not JSON"):
        run(folder, config)


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
    save_tensors(tmp_path / "a.safetensors", {name: value + 1 for name, value in state.items()})
    before = module[0].weight.clone()
    load_trained(module, tmp_path / "a.safetensors")
    assert torch.equal(module[0].weight, before)
    assert torch.equal(module[2].weight, state["2.weight"])
    with pytest.raises(RuntimeError, match=r"another network: 1\.bias"):
        load_trained(nn.Linear(2, 1), tmp_path / "a.safetensors")
