"""Kill latents, training and generation at random moments; run again; nothing tells the difference.

The kills are real (SIGKILL, in a forked process) and their moments random; `AMBIENT_KILLS=10` makes ten of each.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
from accelerate import Accelerator

from sdxl.generate.drawing import generate
from sdxl.generate.options import GenerateOptions
from sdxl.latents.encoding import write_latents
from sdxl.latents.options import LatentOptions
from sdxl.options import Sampler
from sdxl.source import Source
from sdxl.train.options import TrainOptions
from sdxl.train.tuning import fine_tune
from tests.sdxl.conftest import on_cpu

KILLS = int(os.environ.get("AMBIENT_KILLS", "2"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks the processes that it kills"),
]


def killed_and_run_again(work: Callable[[Path], object], folder: Path, same: Callable[[Path, Path], None]) -> None:
    """Kill runs at random moments until `KILLS` have been killed; compare each that ends with an undisturbed one."""
    whole, killed = folder / "whole", folder / "killed"
    start = time.perf_counter()
    work(whole)
    seconds = time.perf_counter() - start
    moments, left = random.Random(), []
    while len(left) < KILLS:
        if (pid := os.fork()) == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            work(killed)
            os._exit(0)
        time.sleep(moments.uniform(0.1, 0.9) * seconds)
        os.kill(pid, signal.SIGKILL)
        if os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
            left.append(len(_files(killed)))
        else:  # it was done before
            same(whole, killed)
            shutil.rmtree(killed)
    work(killed)
    same(whole, killed)
    print("files after each kill:", left)


def _files(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
    names = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names if path.name not in without}


def _same(whole: Path, killed: Path, *, without: tuple[str, ...] = ()) -> None:
    first, second = (_files(folder, without=without) for folder in (whole, killed))
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_latents(pictures: Path, xl: Path, tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        options = LatentOptions(Source(str(pictures)), on_cpu(xl, folder, batch=1), nature=500, shard=1)
        write_latents(options, Accelerator(cpu=True))

    killed_and_run_again(work, tmp_path, _same)


def test_training(pictures: Path, xl: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    options = LatentOptions(Source(str(pictures)), on_cpu(xl, cache), nature=500)
    write_latents(options, Accelerator(cpu=True))

    def work(folder: Path) -> None:
        options = TrainOptions(
            cache,
            on_cpu(xl, folder, batch=4),
            steps=20,
            accumulation=2,
            learning_rate=1e-3,
            ema=0.9,
            log_every=2,
            checkpoint_every=2,
            keep_every=4,
            watch=False,
        )
        fine_tune(options, Accelerator(cpu=True))

    killed_and_run_again(work, tmp_path, _same_training)


def _same_training(whole: Path, killed: Path) -> None:
    timed = ("log.jsonl", "checkpoint.safetensors", "checkpoint-previous.safetensors")
    _same(whole, killed, without=timed)
    states = [safetensors.torch.load_file(folder / "checkpoint.safetensors") for folder in (whole, killed)]
    assert states[0].keys() == states[1].keys()
    assert all(bool((states[0][name] == states[1][name]).all()) for name in states[0])
    logs = [[json.loads(line) for line in (f / "log.jsonl").read_text().splitlines()] for f in (whole, killed)]
    assert [{**row, "seconds": 0} for row in logs[0]] == [{**row, "seconds": 0} for row in logs[1]]


def test_generation(xl: Path, tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        sampler = Sampler("EulerAncestralDiscrete", steps=4)
        options = GenerateOptions(sampler, on_cpu(xl, folder, batch=2), samples=32)
        generate(options, Accelerator(cpu=True))

    killed_and_run_again(work, tmp_path, _same)
    assert len(_files(tmp_path / "whole")) == 34
