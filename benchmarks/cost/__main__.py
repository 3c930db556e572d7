"""`python -m benchmarks.cost`: what an update of each method costs, relative to ambient score matching alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from ambient.runs.console import run
from ambient.runs.places import require_folder
from benchmarks.below_nature.options import MethodName


@dataclass(frozen=True)
class CostOptions:
    """Time one update of each method.

    Attributes:
        methods: To compare with "ambient".
        repetitions: Timed updates of each, after three that are not.
        threads: Of the CPU.
        output: Folder of `cost.json`.
    """

    methods: tuple[MethodName, ...] = ("paper", "paper-code", "recommended")
    repetitions: int = 48
    threads: int = 1
    output: Path = Path("runs/below_nature")

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        require_folder(self.output)
        for name in ("repetitions", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)}: at least 1")
        if not self.methods:
            raise ValueError("--methods: name at least one")


def work(options: CostOptions) -> None:
    """Print the ratios, and write them down."""
    import torch

    from benchmarks.cost.updates import report

    torch.set_num_threads(options.threads)
    report(options.methods, options.repetitions, options.output)


if __name__ == "__main__":
    sys.exit(run(CostOptions, work))
