"""Two processes, as `accelerate launch` starts them, do what one does."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState

from sdxl import lora
from sdxl.generate.drawing import generate
from sdxl.generate.options import GenerateOptions
from sdxl.latents.encoding import write_latents
from sdxl.latents.options import LatentOptions
from sdxl.options import Sampler
from sdxl.source import Source
from sdxl.train.options import TrainOptions
from sdxl.train.tuning import fine_tune
from tests.sdxl.conftest import on_cpu

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its processes")]


def _on_two_processes(work: Callable[[Accelerator], object]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(2):
        if (pid := os.fork()) == 0:
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
            code = 1
            try:
                AcceleratorState._reset_state(True)
                PartialState._shared_state.clear()
                accelerator = Accelerator(cpu=True)
                assert accelerator.num_processes == 2
                work(accelerator)
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0, 0]


def _files(folder: Path, pattern: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob(pattern) if path.is_file()}


def test_latents_training_and_images(pictures: Path, xl: Path, tmp_path: Path) -> None:
    def encode(folder: str) -> LatentOptions:
        return LatentOptions(Source(str(pictures)), on_cpu(xl, tmp_path / folder), nature=500, shard=3)

    write_latents(encode("one"), Accelerator(cpu=True))
    _on_two_processes(lambda accelerator: write_latents(encode("two"), accelerator))
    assert len(_files(tmp_path / "one", "*.safetensors")) == 7
    assert _files(tmp_path / "one", "*") == _files(tmp_path / "two", "*")

    def tune(folder: str) -> TrainOptions:
        return TrainOptions(
            tmp_path / "one",
            on_cpu(xl, tmp_path / folder, batch=8),
            method="consistency",
            steps=4,
            accumulation=2,
            learning_rate=1e-2,
            watch=False,
        )

    fine_tune(tune("lora-one"), Accelerator(cpu=True))
    _on_two_processes(lambda accelerator: fine_tune(tune("lora-two"), accelerator))
    one, two = (safetensors.torch.load_file(tmp_path / name / lora.FILE) for name in ("lora-one", "lora-two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-2, atol=1e-4)

    def draw(folder: str) -> GenerateOptions:
        return GenerateOptions(Sampler(steps=3), on_cpu(xl, tmp_path / folder, batch=2), samples=7)

    generate(draw("images-one"), Accelerator(cpu=True))
    _on_two_processes(lambda accelerator: generate(draw("images-two"), accelerator))
    assert len(_files(tmp_path / "images-one", "*.png")) == 7
    assert _files(tmp_path / "images-one", "*") == _files(tmp_path / "images-two", "*")
