"""The command line of `python -m theory`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ambient.runs.places import require_file, require_folder


@dataclass(frozen=True)
class Options:
    """Check the numbered statements of both papers.

    The exit status is 0 if every verdict is the one on record, and 1 if one is not.
    """

    only: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="ID")] = ()
    """Run this statement only, in this process; may be given several times."""
    json: Path | None = None
    """Write the results to this file."""
    report: Path | None = None
    """Write README.md, theory.json and the plots to this folder."""
    workers: int = 2
    """Number of processes."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        if self.workers < 1:
            raise ValueError(f"--workers {self.workers}: at least 1")
        if self.json is not None:
            require_file(self.json, "--json")
        if self.report is not None:
            require_folder(self.report, "--report")
