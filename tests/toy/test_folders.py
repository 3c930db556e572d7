"""The models of an experiment load as everybody's models do."""

from __future__ import annotations

import pytest
import torch
from rich.console import Console

import ambient
from toy.cells import Cell, cells_of
from toy.experiment import run_cells
from toy.model import cell_folder, load_model
from toy.options import ToyOptions
from toy.splits import Splits

OPTIONS = ToyOptions().changed(
    methods=("dsm", "hybrid", "early-stop", "masking"),
    images=(20,),
    steps=4,
    batch=8,
    samples=12,
    sampler_steps=4,
    stops=(2,),
    features=("pixels",),
    workers=1,
    classes=True,
)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> ToyOptions:
    """An experiment that has run."""
    options = OPTIONS.changed(output=tmp_path_factory.mktemp("toy") / "out")
    run_cells(options, cells_of(options.sweep), Console(quiet=True))
    return options


def cell(options: ToyOptions, name: str, stop: int | None = None) -> Cell:
    return next(c for c in cells_of(options.sweep) if (c.method, c.stop) == (name, stop))


@pytest.mark.parametrize(("name", "stop"), [("dsm", None), ("dsm", 2), ("hybrid", None), ("early-stop", None)])
def test_a_cells_folder_is_the_same_denoiser(options: ToyOptions, name: str, stop: int | None) -> None:
    wanted = cell(options, name, stop)
    split = Splits(options).split(20, 0)
    theirs = load_model(wanted, options, split)
    ours = ambient.load(cell_folder(options.folder, wanted))
    x, sigma, label = split.train[:4], torch.tensor([0.1, 0.5, 2.0, 10.0]), torch.arange(4)
    with torch.no_grad():
        expected = theirs.denoiser(x - theirs.centre, sigma, label=label) + theirs.centre
        torch.testing.assert_close(ours(x, sigma, label=label), expected, rtol=0, atol=1e-5)
    assert ours.classes == tuple("0123456789")
    assert (ours.sigma_min, ours.sigma_max) == (0.01, 20.0)
    assert next(ours.sample(3)).shape == (3, 1, 8, 8)


def test_the_level_is_that_of_what_the_method_saw(options: ToyOptions) -> None:
    found = {name: ambient.load(cell_folder(options.folder, cell(options, name))) for name in ("hybrid", "early-stop")}
    assert (found["hybrid"].nature, found["hybrid"].facts["nature level"]) == (0.0, 0.4)
    assert (found["early-stop"].nature, found["early-stop"].stop) == (0.4, 0.4)


def test_what_cannot_be_loaded_says_what_to_do(options: ToyOptions) -> None:
    with pytest.raises(OSError, match="masked images"):
        ambient.load(cell_folder(options.folder, cell(options, "masking")))
    with pytest.raises(OSError, match="holds 4 models"):
        ambient.load(options.folder)


def test_an_older_folder_gets_its_models_when_it_is_run_again(options: ToyOptions) -> None:
    folder = cell_folder(options.folder, cell(options, "dsm"))
    (folder / "model" / "config.json").unlink()
    with pytest.raises(OSError, match="Run its training command again"):
        ambient.load(folder)
    before = (folder / "metrics.json").stat().st_mtime_ns
    run_cells(options, cells_of(options.sweep), Console(quiet=True))
    assert (folder / "metrics.json").stat().st_mtime_ns == before
    assert ambient.load(folder).method == "dsm"
