"""`python -m benchmarks.noise_kinds`; see the package."""

from __future__ import annotations

import sys

from ambient.runs.console import run
from benchmarks.noise_kinds.options import NoiseKinds


def _work(options: NoiseKinds) -> None:
    from benchmarks.noise_kinds.work import work

    work(options)


if __name__ == "__main__":
    sys.exit(run(NoiseKinds, _work, prog="python -m benchmarks.noise_kinds"))
