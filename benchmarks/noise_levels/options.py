"""The options of `python -m benchmarks.noise_levels`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ambient.runs.places import require_folder


@dataclass(frozen=True)
class NoiseLevels:
    """Estimates of known noise levels.

    Attributes:
        xrays: Archive or folder of X-rays, looked at in grey at 32x32 and 64x64.
        cifar: CIFAR-10.
        tiny: Tiny ImageNet.
        faces: Folder or archive of colour photographs.
        small: Also X-rays and CIFAR-10 reduced to 8x8 and 16x16.
        images: Images taken of each set, from its beginning.
        levels: Standard deviations of the noise, for images in [-1, 1].
        seeds: Repetitions with other noise.
        output: Folder for `noise_levels.json` and `noise_levels.md`.
    """

    xrays: Path | None = None
    cifar: Path | None = None
    tiny: Path | None = None
    faces: Path | None = None
    small: bool = False
    images: int = 2000
    levels: tuple[float, ...] = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6)
    seeds: tuple[int, ...] = (0,)
    output: Path = Path("runs/noise_levels")

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        if self.images < 1:
            raise ValueError(f"--images {self.images}: at least 1")
        if not self.levels or min(self.levels) < 0:
            raise ValueError("--levels: name at least one, and none below 0")
        require_folder(self.output)
