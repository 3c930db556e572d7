"""The device and the processes of a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator

from ambient.runs.device import require_device


def accelerator_of(device: str, precision: str, report: Sequence[str], folder: Path) -> Accelerator:
    """The accelerator of a run.

    Raises:
        ValueError: If the device cannot be used, or a tracker's package is not installed.
    """
    require_device(device)
    chosen = torch.device(device)
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
