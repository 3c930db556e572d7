"""`python -m benchmarks.paper_network`: a training step of a large network here, and in plain PyTorch."""

from __future__ import annotations

import sys

from ambient.runs.console import run
from benchmarks.paper_network.options import PaperNetworkOptions


def work(options: PaperNetworkOptions) -> None:
    """Print images a second, memory and their ratios, and write them down."""
    from ambient.runs.device import require_device
    from benchmarks.paper_network.report import report

    require_device(options.step.device)
    report(options.step, options.repetitions, options.output)


if __name__ == "__main__":
    sys.exit(run(PaperNetworkOptions, work))
