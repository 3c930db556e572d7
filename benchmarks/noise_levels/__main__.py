"""`python -m benchmarks.noise_levels`; see the package."""

from __future__ import annotations

import sys

from ambient.runs.console import run
from benchmarks.noise_levels.options import NoiseLevels


def _work(options: NoiseLevels) -> None:
    from benchmarks.noise_levels.work import work

    work(options)


if __name__ == "__main__":
    sys.exit(run(NoiseLevels, _work, prog="python -m benchmarks.noise_levels"))
