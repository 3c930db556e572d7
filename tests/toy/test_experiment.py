"""Running cells from Python, as `paper_repro` does."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from toy.cells import cells_of
from toy.experiment import run_cells
from toy.options import ToyOptions


def test_one_process_may_run_experiments_of_two_precisions(tmp_path: Path) -> None:
    """accelerate fixes the precision of a process with its first use; the second experiment must not fail on that."""
    full = ToyOptions().changed(
        methods=("dsm",), images=(20,), steps=4, batch=8, samples=20, sampler_steps=4, features=("pixels",), workers=1
    )
    distances = []
    for name, precision in (("full", "no"), ("half", "bf16")):
        options = full.changed(precision=precision, output=tmp_path / name)
        (metrics,) = run_cells(options, cells_of(options.sweep), Console(quiet=True)).values()
        distances.append(metrics["frechet_pixels"])
    assert distances[0] != distances[1]
