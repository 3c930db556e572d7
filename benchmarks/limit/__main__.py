"""`python -m benchmarks.limit`: the error of the Bayes estimate in the world fixed8, by number of noisy samples."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from ambient.runs.console import run
from ambient.runs.places import require_folder


@dataclass(frozen=True)
class LimitOptions:
    """The Bayes estimate in the world fixed8.

    Attributes:
        seeds: Repetitions: other samples and noise.
        sizes: Numbers of noisy samples; the benchmark's is 4000.
        sweeps: Of the Gibbs sampler, after `skip`.
        skip: Sweeps that are left out at the start.
        every: Sweeps between laws that are averaged over.
        output: Folder of `limit.json`.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    sizes: tuple[int, ...] = (4000,)
    sweeps: int = 4000
    skip: int = 200
    every: int = 20
    output: Path = Path("runs/below_nature")

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        require_folder(self.output)
        for name in ("seeds", "sizes"):
            if not getattr(self, name):
                raise ValueError(f"--{name}: name at least one")
        for name, least in (("skip", 0), ("every", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} {getattr(self, name)}: at least {least}")
        if min(self.seeds) < 0:
            raise ValueError(f"--seeds {min(self.seeds)}: a seed is 0 or more")
        if min(self.sizes) < 1:
            raise ValueError(f"--sizes {min(self.sizes)}: at least 1")
        if self.sweeps < 2 * self.every:
            raise ValueError(
                f"--sweeps {self.sweeps}: at least twice --every ({self.every}), since half are judged too"
            )


def work(options: LimitOptions) -> None:
    """Print the relative errors, and write them down."""
    import torch

    from benchmarks.limit.gibbs import Chain
    from benchmarks.limit.report import report

    torch.set_num_threads(1)
    report(options.sizes, options.seeds, Chain(options.sweeps, options.skip, options.every), options.output)


if __name__ == "__main__":
    sys.exit(run(LimitOptions, work))
