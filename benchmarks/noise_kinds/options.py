"""The options of `python -m benchmarks.noise_kinds`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ambient.runs.places import require_folder


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

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        if self.images < 1:
            raise ValueError(f"--images {self.images}: at least 1")
        if not self.levels or min(self.levels) < 0:
            raise ValueError("--levels: name at least one, and none below 0")
        require_folder(self.output)
