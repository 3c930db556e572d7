"""Train, sample and audit small diffusion models on real images: `python toy/run.py --help`."""

from __future__ import annotations

import sys

from ambient.runs.console import run
from toy.options import ToyOptions


def work(options: ToyOptions) -> None:
    """Run the experiment."""
    from rich.console import Console

    from ambient.runs.device import require_device

    require_device(options.place.device)  # before the rest is imported, which takes longer

    from toy.experiment import run_experiment

    run_experiment(options, Console())


if __name__ == "__main__":
    sys.exit(run(ToyOptions, work))
