"""`python -m benchmarks.five_lines NOISY RUN RESTORED`; see the package."""

from __future__ import annotations

import sys

from ambient.runs.console import run
from benchmarks.five_lines.options import FiveLines


def _work(options: FiveLines) -> None:
    from benchmarks.five_lines.work import work

    work(options)


if __name__ == "__main__":
    sys.exit(run(FiveLines, _work, prog="python -m benchmarks.five_lines"))
