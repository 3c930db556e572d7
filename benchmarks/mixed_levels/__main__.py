"""`python -m benchmarks.mixed_levels`; see the package."""

from __future__ import annotations

import sys

from ambient.runs.console import run
from benchmarks.mixed_levels.options import MixedLevels


def _work(options: MixedLevels) -> None:
    from benchmarks.mixed_levels.work import work

    work(options)


if __name__ == "__main__":
    sys.exit(run(MixedLevels, _work, prog="python -m benchmarks.mixed_levels"))
