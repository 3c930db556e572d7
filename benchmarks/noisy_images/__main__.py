"""`python -m benchmarks.noisy_images`; see the package."""

from __future__ import annotations

import sys

from ambient.runs.console import run
from benchmarks.noisy_images.options import NoisyImages


def _work(options: NoisyImages) -> None:
    from benchmarks.noisy_images.work import work

    work(options)


if __name__ == "__main__":
    sys.exit(run(NoisyImages, _work, prog="python -m benchmarks.noisy_images"))
