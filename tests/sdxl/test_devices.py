"""Where a command computes."""

from __future__ import annotations

import pytest
import torch

from sdxl.devices import make_accelerator, precision_on
from sdxl.options import RunOptions


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7", "mps"])
def test_a_device_that_is_not_there_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match=f"--device {device}: this machine has none .*give --device cpu"):
        make_accelerator(device)


def test_a_gpu_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="--device cuda:2"):
        make_accelerator("cuda:2")


def test_a_device_is_one_of_these() -> None:
    for device in ("cpu", "mps", "cuda", "cuda:3", None):
        RunOptions(device=device).check()
    for device in ("gpu", "cuda:", "CPU"):
        with pytest.raises(ValueError, match="choose cpu, cuda, cuda:N or mps"):
            RunOptions(device=device).check()


def test_the_precision_suits_the_device() -> None:
    assert precision_on(torch.device("cpu")) == "fp32"
    assert precision_on(torch.device("cuda")) == "bf16"
    assert precision_on(torch.device("cpu"), "bf16") == "bf16"
