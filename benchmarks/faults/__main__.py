"""`python -m benchmarks.faults`: the soak test of everything that writes and reads."""

from __future__ import annotations

import sys

from ambient.runs.console import run
from benchmarks.faults.options import FaultOptions


def work(options: FaultOptions) -> int:
    """Make the cells that are missing, and report; 1 if there was a fault."""
    from benchmarks.faults.soak import soak

    return soak(options)


if __name__ == "__main__":
    sys.exit(run(FaultOptions, work, prog="python -m benchmarks.faults"))
