"""The device and the processes of a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator


def check_device(device: str) -> torch.device:
    """The device of that name.

    Raises:
        ValueError: If this machine cannot use it.
    """
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"--device {device}: this machine cannot use it ({first}); try cpu") from error
    return torch.device(device)


def accelerator_of(device: str, precision: str, report: Sequence[str], folder: Path) -> Accelerator:
    """The accelerator of a run.

    Raises:
        ValueError: If the device cannot be used, or a tracker's package is not installed.
    """
    chosen = check_device(device)
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    accelerator = Accelerator(
        cpu=chosen.type == "cpu", mixed_precision=precision, log_with=list(report) or None, project_dir=str(folder)
    )
    found = {getattr(tracker, "value", str(tracker)) for tracker in accelerator.log_with}
    if missing := sorted(set(report) - found):
        raise ValueError(f"--report {' '.join(missing)}: not installed; install it with pip, or leave it out")
    if report:
        accelerator.init_trackers("ambient")
    return accelerator
