"""The front door as a user sees it: as a command."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ambient.files import read_records

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, str(ROOT / "toy" / "run.py")]
SMALL = ["--steps", "30", "--samples", "40", "--images", "20"]


def run(*options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    return subprocess.run([*RUN, *options], capture_output=True, text=True, env=environment, **settings)


def test_a_small_run_from_start_to_finish(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    sweep = ["--sigma-nature", "0.3", "0.6", "--seeds", "0", "1"]
    first = run(*SMALL, *sweep, "--output", str(folder))
    assert first.returncode == 0, first.stderr
    last = first.stdout.strip().splitlines()[-1]
    assert last.startswith(f"Results: {folder}")
    for name in ("config.json", "metrics.json", "samples.png", "nearest.png", "curves.png", "pareto.png", "table.md"):
        assert name in last
        assert (folder / name).stat().st_size > 0
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["models"]) == {"DSM", "hybrid, σ_n = 0.3", "hybrid, σ_n = 0.6"}
    assert all(len(splits) == 2 for splits in metrics["models"].values())
    for row in (*metrics["models"], "exact copies of the training set", "mean ± spread over 2 splits"):
        assert row in first.stdout
    weights = {path: path.stat().st_mtime_ns for path in folder.glob("cells/*/model.safetensors")}
    assert len(weights) == 6
    again = run(*SMALL, *sweep, "--output", str(folder))
    assert again.returncode == 0
    assert {path: path.stat().st_mtime_ns for path in weights} == weights
    other = run(*SMALL, "--output", str(folder))
    assert other.returncode == 1
    assert "holds another configuration" in other.stderr
    assert "sigma_nature" in other.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--images", "1000"], "--images 1000"),
        (["--sigma-nature", "-0.1"], "--sigma-nature"),
        (["--methods", "gan"], "gan"),
        (["--device", "cuda:99"], "--device cuda:99"),
    ],
)
def test_bad_values_get_a_message_and_no_traceback(tmp_path: Path, options: list[str], message: str) -> None:
    done = run(*options, cwd=tmp_path)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: checkpoints of a megabyte do not fit."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    options = [*SMALL, "--methods", "dsm", "--output", str(tmp_path / "out")]
    done = run(*options, preexec_fn=limit)
    assert done.returncode == 1
    assert "could not write" in done.stderr
    assert "checkpoint.safetensors" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert run(*options).returncode == 0


def test_killed_at_ten_random_moments_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    """Killed hard, in start-up, training, sampling or audit: each kill waits for a random amount of progress."""
    options = ["--steps", "300", "--samples", "40", "--images", "20", "--batch", "32"]
    whole = run(*options, "--output", str(tmp_path / "whole"))
    assert whole.returncode == 0, whole.stderr
    moments = random.Random(0)
    targets = sorted(moments.randint(0, 7) for _ in range(10))
    for target in targets:
        command = [*RUN, *options, "--output", str(tmp_path / "killed")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        while process.poll() is None and _progress(tmp_path / "killed") < target:
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = run(*options, "--output", str(tmp_path / "killed"))
    assert last.returncode == 0, last.stderr
    for cell in ("dsm-seed0", "hybrid-sigma0.4-seed0"):
        for name in ("model.safetensors", "samples.safetensors"):
            one, other = (tmp_path / run / "cells" / cell / name for run in ("whole", "killed"))
            assert one.read_bytes() == other.read_bytes(), (cell, name)


def _progress(folder: Path) -> int:
    """Records in the log of the first cell, and one for its finished samples."""
    cell = folder / "cells" / "dsm-seed0"
    return len(read_records(cell / "log.jsonl")) + (cell / "samples.safetensors").exists()
