"""The last line of an experiment that is asked to stop."""

from __future__ import annotations

import pickle
import signal
from pathlib import Path

import pytest
from rich.console import Console

from ambient.runs.signals import Interrupted
from toy import experiment
from toy.cells import cells_of
from toy.experiment import run_cells
from toy.options import ToyOptions
from toy.stops import Places

TINY = ToyOptions().changed(
    images=(20,), steps=4, batch=8, samples=20, sampler_steps=4, features=("pixels",), workers=1
)


def _nothing(*_: object) -> None:
    pass


def test_it_says_where_each_model_is() -> None:
    places = Places(_nothing)
    for name, stage in (("a", "train"), ("b", "sample"), ("c", "done"), ("d", "train"), ("e", "audit")):
        places(name, "train", 0, 1)
        places(name, stage, 1, 1)
    places.stop("a", Interrupted("Stopped", signal.SIGTERM, "after update 12 of 100"))
    places.stop("b", KeyboardInterrupt())
    stopped = places.stopped(Interrupted(signum=signal.SIGHUP), ["a", "b", "c", "d", "e", "f", "g"])
    assert str(stopped) == (
        "Stopped by SIGHUP: a after update 12 of 100, b trained, and being sampled, d in training, after its last "
        "checkpoint, e trained and sampled, 1 done, 2 not begun; run the same command again to go on there."
    )
    assert stopped.status == 128 + signal.SIGHUP


def test_where_a_training_stopped_comes_back_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(Interrupted("Stopped", signal.SIGTERM, "after update 1 of 2")))
    assert (str(error), error.signum, error.where) == ("Stopped", signal.SIGTERM, "after update 1 of 2")


def test_models_trained_one_after_the_other_are_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_cell = experiment.run_cell

    def stop_the_second(cell: object, *arguments: object) -> object:
        if cell == cells[1]:
            arguments[3]("train", 2, 4)  # type: ignore[operator]
            raise Interrupted("Stopped", signal.SIGTERM, "after update 2 of 4")
        return run_cell(cell, *arguments)  # type: ignore[arg-type]

    options = TINY.changed(output=tmp_path)
    cells = cells_of(options.sweep)
    monkeypatch.setattr(experiment, "run_cell", stop_the_second)
    with pytest.raises(Interrupted, match=r"SIGTERM: hybrid-sigma0.4-n20-seed0 after update 2 of 4, 1 done; run"):
        run_cells(options, cells, Console(quiet=True))
