"""Where a command computes: the accelerator of a device that is there, and the precision that suits it."""

from __future__ import annotations

import os
from typing import Any

import torch
from accelerate import Accelerator

from sdxl.options import Precision


def make_accelerator(device: str | None, **options: Any) -> Accelerator:
    """The accelerator of a run.

    Args:
        device: cpu, cuda, cuda:N or mps; None takes a GPU if there is one. Under `accelerate launch` cuda means the
            GPU of each process.
        options: Of `Accelerator`.

    Raises:
        ValueError: If this machine has no such device.
    """
    require_device(device)
    if device is not None and ":" in device:
        if "LOCAL_RANK" in os.environ:
            raise ValueError(f"--device {device} names one GPU for several processes; leave the number out")
        os.environ["ACCELERATE_TORCH_DEVICE"] = device  # where accelerate looks for a device of one's own
    return Accelerator(cpu=device == "cpu", **options)


def require_device(device: str | None) -> None:
    """Raises ValueError if this machine has no such device."""
    if device is None or device == "cpu":
        return
    if device == "mps":
        available = torch.backends.mps.is_available()
    else:
        number = int(device.partition(":")[2] or 0)
        available = torch.cuda.is_available() and number < torch.cuda.device_count()
    if not available:
        raise ValueError(f"--device {device}: this machine has none that torch can use; give --device cpu")


def precision_on(device: torch.device, precision: Precision | None = None) -> Precision:
    """`precision`, by default fp32 on the CPU and bf16 elsewhere."""
    return precision or ("fp32" if device.type == "cpu" else "bf16")
