"""Two processes train as one does.

They are started by torchrun: `accelerate launch --cpu --num_processes 2` starts one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from ambient.runs.files import read_records

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = [str(ROOT / "tests" / "ambient" / "train_small.py")]
LAUNCH = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]


def run(*command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """The same order and the same noise, so the same weights but for the order of additions."""
    assert run(*SCRIPT, str(tmp_path / "one")) == "process 0 of 1\n"
    assert sorted(run(*LAUNCH, *SCRIPT, str(tmp_path / "two")).splitlines()) == ["process 0 of 2", "process 1 of 2"]
    one, two = (safetensors.torch.load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, weight in one.items():
        assert torch.allclose(weight, two[name], rtol=1e-4, atol=1e-5), name
    logs = [read_records(tmp_path / name / "log.jsonl") for name in ("one", "two")]
    assert [r["images"] for r in logs[0]] == [r["images"] for r in logs[1]] == list(range(160, 961, 160))


@pytest.mark.slow
def test_two_processes_stop_together_and_go_on_bit_for_bit(tmp_path: Path) -> None:
    """Only one of them is asked to stop, after an update at which neither a checkpoint nor a record is due."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(*LAUNCH, *SCRIPT, str(whole))
    said = run(*LAUNCH, *SCRIPT, str(parts), "27")
    assert said.count("Stopped by SIGTERM after update 27 of 60") == 2
    run(*LAUNCH, *SCRIPT, str(parts))
    assert (whole / "model.safetensors").read_bytes() == (parts / "model.safetensors").read_bytes()
    logs = [[r | {"seconds": 0} for r in read_records(folder / "log.jsonl")] for folder in (whole, parts)]
    assert logs[0] == logs[1]
