"""`python -m benchmarks.rollouts`: how good posterior samples of few reverse steps are, with an exact denoiser."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from ambient.runs.console import run
from ambient.runs.places import require_folder
from benchmarks.below_nature.options import WorldName


@dataclass(frozen=True)
class RolloutOptions:
    """Draw from p(x_0 | x_n) by few steps.

    Attributes:
        worlds: Where (see `theory.worlds`).
        steps: Numbers of reverse steps.
        samples: Noisy samples of each world.
        output: Folder of `rollouts.json`.
    """

    worlds: tuple[WorldName, ...] = ("easy", "hard", "fixed8")
    steps: tuple[int, ...] = (4, 6, 10)
    samples: int = 8192
    output: Path = Path("runs/below_nature")

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        require_folder(self.output)
        for name in ("worlds", "steps"):
            if not getattr(self, name):
                raise ValueError(f"--{name}: name at least one")
        if min(self.steps) < 1:
            raise ValueError(f"--steps {min(self.steps)}: at least 1")
        if self.samples < 2:
            raise ValueError(f"--samples {self.samples}: the energy distance needs at least 2")


def work(options: RolloutOptions) -> None:
    """Print one table a world, and write the figures down."""
    import torch

    from benchmarks.rollouts.rules import report

    torch.set_num_threads(1)
    report(options.worlds, options.steps, options.samples, options.output)


if __name__ == "__main__":
    sys.exit(run(RolloutOptions, work))
