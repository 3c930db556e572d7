"""The options of `python -m benchmarks.sdxl`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ambient.runs.places import require_folder

METHODS = ("dsm", "ambient", "consistency", "recommended", "ambient, P1's order", "consistency, P1's order")


@dataclass(frozen=True)
class SdxlBenchmark:
    """Time updates of the full-size SDXL U-Net: images a second, memory, and share of the matmul rate."""

    tiny: bool = False
    """The tiny U-Net on the CPU in fp32, to try the command."""
    flops: bool = False
    """Count the FLOPs of an update of the full size on shapes alone, without a GPU, and stop."""
    methods: tuple[str, ...] = METHODS
    """What to time."""
    batches: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Images an update; the recommended recipe needs multiples of 16."""
    checkpointing: tuple[bool, ...] = (False, True)
    """Without and with gradient checkpointing."""
    repetitions: int = 16
    """Timed updates of each, after two that are not."""
    t_n: int = 500
    """Nature level of the noisy latents."""
    compile: bool = False
    """Compile the U-Net with torch.compile."""
    output: Path = Path("runs/benchmark-sdxl")
    """Folder of results.json and table.md."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        require_folder(self.output)
        if unknown := [name for name in self.methods if name not in METHODS]:
            raise ValueError(f"--methods {unknown[0]}: there are {', '.join(METHODS)}")
        if not self.methods or not self.batches or min(self.batches) < 1 or self.repetitions < 1:
            raise ValueError("--methods, --batches and --repetitions need at least one, and batches of at least 1")
        if not 1 <= self.t_n <= 999:
            raise ValueError(f"--t-n {self.t_n}: a step from 1 to 999")
