"""Small models: adopted from a run of toy/run.py, or made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from paper_repro.backends import backend_of, products_of
from paper_repro.makers.adopted import Adopted
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import Models
from paper_repro.makers.trained import common_seeds, train
from paper_repro.options import Options
from paper_repro.sizes.blocks import digits
from toy.config import Options as ToyOptions
from toy.experiment import run_cells


def _run(options: Options, **settings: Any) -> Run:
    return Run(backend_of(options), products_of(options), "cpu", Console(quiet=True), **settings)


def test_a_run_of_the_toy_with_the_same_options_is_adopted_and_another_is_not(tmp_path: Path) -> None:
    block = digits("smoke", ())
    settings: dict[str, Any] = dict(block.settings)
    theirs = ToyOptions(images=(20,), sigma_nature=(0.4,), methods=("dsm",), output=tmp_path / "theirs", **settings)
    run_cells(theirs, theirs.cells(), Console(quiet=True))
    adopted = Adopted.read(tmp_path / "theirs")
    run = _run(Options(output=tmp_path / "out"), adopted=(adopted,), only_made=True)
    made = train(run, block, ("dsm",), 20, (0.4,))
    assert [cell.method for cell in made.audits] == ["dsm"]
    assert made.samples(made.of("dsm")[0]).shape == (24, 1, 8, 8)
    assert not (tmp_path / "out").exists()
    assert adopted.used

    other = Adopted.read(tmp_path / "theirs")
    run = _run(Options(output=tmp_path / "out"), adopted=(other,), only_made=True)
    assert train(run, digits("cpu", ()), ("dsm",), 30, (0.4,)).audits == {}
    assert not other.used
    assert {"steps", "batch", "samples", "sampler_steps", "features"} == set(other.differs)


def test_a_damaged_audit_is_named(tmp_path: Path) -> None:
    run = _run(Options(output=tmp_path), only_made=True)
    block = digits("smoke", ())
    made = train(run, block, ("dsm",), 20, (0.4,))
    path = made.options.folder / "cells" / "dsm-n20-seed0" / "metrics.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(OSError, match=r"dsm-n20-seed0/metrics\.json is damaged"):
        train(run, block, ("dsm",), 20, (0.4,))


def test_without_a_common_split_the_way_out_is_named() -> None:
    with pytest.raises(ValueError, match="without --only-made"):
        common_seeds([[], []])


def test_data_that_cannot_be_read_are_found_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "cifar.tar.gz").write_bytes(b"no archive")
    options = Options(scale="cpu", cifar10=str(tmp_path / "cifar.tar.gz"), output=tmp_path / "out")
    with pytest.raises(ValueError, match=r"cifar\.tar\.gz"):
        _run(options).make(Models(("cifar10",), ("dsm",), (0,)))
    assert not (tmp_path / "out").exists()
