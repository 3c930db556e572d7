"""The command line of `python -m theory`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ambient.runs.places import require_folder


@dataclass(frozen=True)
class Options:
    """Check the numbered statements of both papers.

    The exit status is 0 if every verdict is the one on record, and 1 if one is not.
    """

    only: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="ID")] = ()
    """Run this statement only, in this process; may be given several times."""
    output: Path | None = None
    """Folder for README.md, theory.json and the plots; with --only, for theory.json alone."""
    workers: int = 2
    """Number of processes."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        if self.workers < 1:
            raise ValueError(f"--workers {self.workers}: at least 1")
        if self.output is not None:
            require_folder(self.output)
