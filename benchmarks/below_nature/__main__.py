"""`python -m benchmarks.below_nature`: how near each method comes to E[X_0 | X_t] from noisy data alone."""

from __future__ import annotations

import sys

from ambient.runs.console import run
from benchmarks.below_nature.options import BelowNatureOptions


def work(options: BelowNatureOptions) -> None:
    """Compute what is missing, and report."""
    from benchmarks.below_nature.experiment import compare

    compare(options)


if __name__ == "__main__":
    sys.exit(run(BelowNatureOptions, work))
