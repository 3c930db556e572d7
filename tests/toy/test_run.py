"""The front door as a user sees it: as a command."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import safetensors.torch
import torch

from ambient.runs.checksums import metadata_of
from ambient.runs.files import read_records
from tests.toy.test_data import pictures

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, str(ROOT / "toy" / "run.py")]
SMALL = ["--steps", "30", "--samples", "40", "--images", "20"]
TINY = ["--steps", "4", "--batch", "8", "--samples", "12", "--images", "12"]
TINY += ["--sampler-steps", "3", "--features", "pixels"]
ALONE = [*TINY, "--workers", "1"]


def run(*options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    return subprocess.run([*RUN, *options], capture_output=True, text=True, env=environment, **settings)


def test_the_smallest_run_from_start_to_finish(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done = run(*ALONE, "--methods", "dsm", "--output", str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1].startswith(f"Results: {folder}  (config.json, curves.png, metrics.json")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["models"]) == {"DSM"}
    assert metrics["models"]["DSM"][0]["frechet_pixels"] > 0
    assert set(metrics["references"]) == {"exact copies of the training set", "unseen real images"}
    config = json.loads((folder / "config.json").read_text())
    assert (config["steps"], config["batch"]) == (4, 8)
    assert "device" not in config


@pytest.mark.slow
def test_a_small_run_from_start_to_finish(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    sweep = ["--sigma-nature", "0.3", "auto", "--seeds", "0", "1", "--stops", "15", "--output", str(folder)]
    first = run(*SMALL, *sweep)
    assert first.returncode == 0, first.stderr
    last = first.stdout.strip().splitlines()[-1]
    assert last.startswith(f"Results: {folder}")
    pictures = ("samples.png", "nearest.png", "curves.png", "pareto.png", "spectrum.png")
    for name in ("config.json", "metrics.json", "table.md", *pictures):
        assert name in last
        assert (folder / name).stat().st_size > 0
    metrics = json.loads((folder / "metrics.json").read_text())
    models = metrics["models"]
    assert set(models) == {"DSM", "DSM, stopped at 15", "hybrid, σ_n = 0.3", "hybrid, σ_n = auto"}
    assert all(len(splits) == 2 for splits in models.values())
    chosen = [values["sigma_nature"] for values in models["hybrid, σ_n = auto"]]
    assert all(0.4 < sigma < 2 for sigma in chosen)
    assert chosen[0] != chosen[1]
    assert models["DSM, stopped at 15"][0]["frechet_pixels"] != models["DSM"][0]["frechet_pixels"]
    spectra = metrics["spectra"]["DSM"]
    assert len(spectra) == 2
    assert len(spectra[0]["held_out"]["share"]) == len(spectra[0]["held_out"]["sigma"])
    for key in models["DSM"][0]:
        assert key in {*metrics["names"], "parameters"}
    for row in (*models, "exact copies of the training set", "mean ± spread over 2 splits"):
        assert row in first.stdout
    weights = {path: path.stat().st_mtime_ns for path in folder.glob("cells/*/model.safetensors")}
    assert len(weights) == 6
    grown = run(*SMALL, *sweep, "--sigma-nature", "0.3", "auto", "0.6", "--seeds", "0")
    assert grown.returncode == 0, grown.stderr
    assert {path: path.stat().st_mtime_ns for path in weights} == weights
    assert len(list(folder.glob("cells/*/model.safetensors"))) == 7
    other = run(*SMALL, *sweep, "--batch", "32")
    assert other.returncode == 1
    assert "holds another configuration" in other.stderr
    assert "batch" in other.stderr


def test_help_fits_on_one_screen() -> None:
    lines = run("--help").stdout.splitlines()
    assert len(lines) <= 54
    described = run("--help-verbose").stdout
    assert "Where they are: archive, folder or Hugging Face id." in described


IMAGES = ["--data", "images", "--steps", "6", "--batch", "8", "--samples", "20", "--images", "12", "--workers", "1"]
IMAGES += ["--allow-noisy"]  # the pictures are random pixels


@pytest.mark.slow
def test_images_of_a_folder_through_every_method(tmp_path: Path) -> None:
    """Colour, classes, augmentation, dropout, masks, bf16 and parts of an update, in one run of eight methods."""
    source, folder = pictures(tmp_path / "set"), tmp_path / "out"
    methods = ["dsm", "hybrid", "ambient", "masking", "weight", "redrawn", "dropout", "held-out"]
    special = ["--classes", "--augment", "0.2", "--precision", "bf16", "--accumulation", "2", "--network", "unet-1m"]
    done = run(*IMAGES, "--source", str(source), "--methods", *methods, *special, "--output", str(folder))
    assert done.returncode == 0, done.stderr
    metrics = json.loads((folder / "metrics.json").read_text())
    assert len(metrics["models"]) == len(methods)
    assert metrics["features"] == ["pixels", "classifier"]
    indices = json.loads((folder / "subsets" / "n12-seed0.json").read_text())["indices"]
    assert len(set(indices)) == 12
    images = safetensors.torch.load_file(folder / "cells" / "masking-n12-seed0" / "samples" / "00000.safetensors")
    assert images["images"].shape == (20, 3, 8, 8)


@pytest.mark.slow
def test_damaged_data_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    source, folder = pictures(tmp_path / "set"), tmp_path / "out"
    options = [*IMAGES, "--source", str(source), "--methods", "dsm", "--output", str(folder)]
    assert run(*options).returncode == 0
    before = {path: path.read_bytes() for path in folder.rglob("*.safetensors")}
    (source / "a" / "000.png").write_bytes((source / "a" / "000.png").read_bytes()[:50])
    done = run(*options, "--seeds", "0", "1")
    assert done.returncode == 1
    assert "a/000.png" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*.safetensors")} == before
    skipped = run(*options[:-2], "--skip-bad", "--output", str(tmp_path / "other"))
    assert skipped.returncode == 0, skipped.stderr


@pytest.mark.slow
def test_two_processes_make_what_one_makes(tmp_path: Path) -> None:
    """The same noisy copy, the same set of samples and the same metrics, but for the order of additions in training."""
    options = ["--steps", "30", "--images", "20", "--methods", "hybrid", "--batch", "16", "--samples", "1040"]
    options += ["--sampler-steps", "5"]
    alone = run(*options, "--workers", "1", "--output", str(tmp_path / "one"))
    assert alone.returncode == 0, alone.stderr
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]  # accelerate's starts one on CPUs
    command = [sys.executable, *launch, RUN[1], *options, "--output", str(tmp_path / "two")]
    environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    together = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert together.returncode == 0, together.stderr
    assert together.stdout.count("Results:") == 1
    one, two = (tmp_path / name / "cells" / "hybrid-sigma0.4-n20-seed0" for name in ("one", "two"))
    facts = [json.loads((cell / "config.json").read_text()) for cell in (one, two)]
    assert facts[0] == facts[1]
    assert len(facts[0]["data"]) == 64  # SHA-256 of the clean and the noisy images: one S_tn
    for number in range(2):
        shards = [safetensors.torch.load_file(cell / "samples" / f"{number:05d}.safetensors") for cell in (one, two)]
        assert torch.allclose(shards[0]["images"], shards[1]["images"], atol=2e-3), number
    metrics = [json.loads((cell / "metrics.json").read_text()) for cell in (one, two)]
    for key in metrics[0].keys() - {"seconds", "sha256"}:
        assert metrics[0][key] == pytest.approx(metrics[1][key], rel=2e-2, abs=2e-2), key


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


@pytest.mark.slow
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


@pytest.mark.slow
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
    for cell in ("dsm-n20-seed0", "hybrid-sigma0.4-n20-seed0"):
        for name in ("model.safetensors", "samples/00000.safetensors"):
            one, other = (tmp_path / run / "cells" / cell / name for run in ("whole", "killed"))
            assert one.read_bytes() == other.read_bytes(), (cell, name)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_workers_and_loses_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Each of two workers saves a checkpoint and ends; the last line says how to go on, and the same command does."""
    options = ["--images", "20", "--samples", "20", "--features", "pixels", "--batch", "8", "--workers", "2"]
    command = [*RUN, *options, "--steps", "1000", "--output", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    cells = [tmp_path / "cells" / name for name in ("dsm-n20-seed0", "hybrid-sigma0.4-n20-seed0")]
    while process.poll() is None and not all(read_records(cell / "log.jsonl") for cell in cells):
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    last = errors.strip().splitlines()[-1]
    assert "run the same command again to go on there" in last
    said = re.findall(r"(\S+-n20-seed0) after update (\d+) of 1000", last)
    assert [name for name, _ in said] == [cell.name for cell in cells]
    assert [_step(cell / "checkpoint.safetensors") for cell in cells] == [int(step) for _, step in said]
    assert "Traceback" not in errors
    assert not psutil.wait_procs(workers, timeout=10)[1]
    for cell in cells:
        assert (cell / "checkpoint.safetensors").exists()
        assert not (cell / "model.safetensors").exists()
    assert run(*options, "--steps", "1000", "--output", str(tmp_path)).returncode == 0


def _step(checkpoint: Path) -> int:
    """The number of updates that a checkpoint is of."""
    return int(json.loads(metadata_of(checkpoint)["state"])["step"])


def _progress(folder: Path) -> int:
    """Records in the log of the first cell, and one for its finished samples."""
    cell = folder / "cells" / "dsm-n20-seed0"
    return len(read_records(cell / "log.jsonl")) + (cell / "samples" / "00000.safetensors").exists()
