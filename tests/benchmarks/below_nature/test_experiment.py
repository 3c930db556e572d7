"""The command on a few updates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.below_nature.experiment import compare
from benchmarks.below_nature.methods import METHODS
from benchmarks.below_nature.options import BelowNatureOptions, Budget, MethodName


def little(methods: tuple[MethodName, ...], output: Path) -> BelowNatureOptions:
    return BelowNatureOptions(("easy",), methods, (0,), Budget(steps=8, batch=64), samples=64, output=output)


def check_cells(methods: tuple[MethodName, ...], output: Path) -> None:
    """A run, and the same again: everything is computed once and shown twice."""
    options = little(methods, output)
    compare(options)
    paths = sorted(output.glob("easy/*/seed0/result.json"))
    assert len(paths) == len(methods)
    before = [path.stat().st_mtime_ns for path in paths]
    (output / "error.png").unlink()
    compare(options)
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert (output / "error.png").exists()
    assert all(name in (output / "table.md").read_text() for name in methods)


@pytest.mark.filterwarnings("ignore::ambient.training.collapse.CollapseWarning")
def test_cells_are_computed_once_and_reported(tmp_path: Path) -> None:
    check_cells(("oracle", "ambient", "two-stage-sure"), tmp_path)
    result = json.loads((tmp_path / "easy/ambient/seed0/result.json").read_text())
    assert result["steps"] == 8
    assert result["full"]["error 1"] != result["full"]["error 2"]
    assert result["stop"]["energy"] != result["full"]["energy"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ambient.training.collapse.CollapseWarning")
def test_every_method_runs(tmp_path: Path) -> None:
    check_cells(tuple(METHODS), tmp_path)
