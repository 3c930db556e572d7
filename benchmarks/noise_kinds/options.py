"""The options of `python -m benchmarks.noise_kinds`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class NoiseKinds:
    """Estimates of noise of other kinds.

    Attributes:
        xrays: Archive or folder of X-rays, looked at in grey at 32x32 and 64x64.
        cifar: CIFAR-10.
        images: Images taken of each set, from its beginning.
        levels: Standard deviations of the noise.
        seed: Which noise.
        output: Folder for `noise_kinds.md`.
    """

    xrays: Path
    cifar: Path
    images: int = 1000
    levels: tuple[float, ...] = (0.1, 0.3)
    seed: int = 0
    output: Path = Path("runs/noise_levels")
