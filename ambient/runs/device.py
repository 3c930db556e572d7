"""The option `--device`: its spelling, and whether this machine has what it names."""

from __future__ import annotations

import re

_NAME = re.compile(r"cpu|mps|cuda(:\d+)?")


def check_device_name(device: str) -> None:
    """Check the spelling, without importing torch.

    Raises:
        ValueError: If it is no device's name.
    """
    if not _NAME.fullmatch(device):
        raise ValueError(f"--device {device}: give cpu, cuda or cuda:N")


def require_device(device: str) -> None:
    """Check that this machine has the device.

    Raises:
        ValueError: If it cannot be used, with the reason.
    """
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"--device {device}: this machine cannot use it ({reason}); try cpu") from error
