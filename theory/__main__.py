"""`python -m theory`: run the statements of both papers, print what was found, say where a verdict has changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ambient.runs.console import run
from theory.options import Options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run(Options, _work, arguments, prog="python -m theory")


def _work(options: Options) -> int:
    from theory.command import check_statements  # torch and scipy, which a mistyped option should not wait for

    return check_statements(options)


if __name__ == "__main__":
    sys.exit(main())
