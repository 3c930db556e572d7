"""Running cells from Python, as `paper_repro` does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from toy.config import Options
from toy.experiment import run_cells


def test_one_process_may_run_experiments_of_two_precisions(tmp_path: Path) -> None:
    """accelerate fixes the precision of a process with its first use; the second experiment must not fail on that."""
    full = Options(methods=("dsm",), images=(20,), steps=4, batch=8, samples=20, processes=1, output=tmp_path / "full")
    half = replace(full, precision="bf16", output=tmp_path / "half")
    distances = []
    for options in (full, half):
        (metrics,) = run_cells(options, options.cells(), Console(quiet=True)).values()
        distances.append(metrics["frechet_pixels"])
    assert distances[0] != distances[1]
