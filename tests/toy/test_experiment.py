"""Running cells from Python, as `paper_repro` does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from rich.console import Console
from torch import Tensor

from ambient.runs.results import read_results
from tests.toy.test_data import pictures
from toy import report
from toy.cells import cells_of
from toy.experiment import run_cells
from toy.memorised import spectra
from toy.options import ToyOptions
from toy.splits import Splits

TINY = ToyOptions().changed(
    methods=("dsm",), images=(20,), steps=4, batch=8, samples=20, sampler_steps=4, features=("pixels",), workers=1
)
CELL = "dsm-n20-seed0"


def make(options: ToyOptions, output: Path, **changed: Any) -> dict[str, Any]:
    """Run the only cell of an experiment; returns its metrics."""
    options = options.changed(output=output, **changed)
    (metrics,) = run_cells(options, cells_of(options.sweep), Console(quiet=True)).values()
    return {name: value for name, value in metrics.items() if name != "seconds"}


def images(output: Path, number: int = 0) -> Tensor:
    path = output / "cells" / CELL / "samples" / f"{number:05d}.safetensors"
    return safetensors.torch.load_file(path)["images"].clone()  # the file may be damaged later


@pytest.mark.slow
def test_one_process_may_run_experiments_of_two_precisions(tmp_path: Path) -> None:
    """accelerate fixes the precision of a process with its first use; the second experiment must not fail on that."""
    distances = [make(TINY, tmp_path / name, precision=name)["frechet_pixels"] for name in ("no", "bf16")]
    assert distances[0] != distances[1]


def test_samples_may_grow_and_are_those_of_a_run_of_so_many(tmp_path: Path) -> None:
    """Files that are not full are filled up, whole ones stay, and the model is not trained again."""
    grown, once = tmp_path / "grown", tmp_path / "once"
    few = make(TINY, grown, samples=300)
    model = grown / "cells" / CELL / "model.safetensors"
    before, first = model.stat().st_mtime_ns, images(grown)
    many = make(TINY, grown, samples=1100)
    assert model.stat().st_mtime_ns == before
    assert many == make(TINY, once, samples=1100)
    assert many != few
    assert torch.equal(images(grown)[:256], first[:256])
    for number in (0, 1):
        assert torch.equal(images(grown, number), images(once, number))
    written = (grown / "cells" / CELL / "samples" / "00000.safetensors").stat().st_mtime_ns
    assert make(TINY, grown, samples=256) == make(TINY, tmp_path / "few", samples=256)
    assert (grown / "cells" / CELL / "samples" / "00000.safetensors").stat().st_mtime_ns == written


def test_damaged_results_are_made_again_and_named(tmp_path: Path) -> None:
    metrics = make(TINY, tmp_path)
    folder = tmp_path / "cells" / CELL
    samples, measured = folder / "samples" / "00000.safetensors", folder / "metrics.json"
    whole = images(tmp_path)
    text = measured.read_bytes()
    digit = text.index(b'"m13": ') + 7
    other = text[:digit] + bytes([text[digit] ^ 1]) + text[digit + 1 :]  # still JSON, and another number
    assert json.loads(other)["m13"] != json.loads(text)["m13"]
    for path, what, damages in (
        (samples, "its images are made again", (samples.read_bytes()[:50], b"")),
        (measured, "it is made again", (text[:50], b"", other)),
    ):
        for damage in damages:
            path.write_bytes(damage)
            with pytest.warns(UserWarning, match=f"{path.name} is damaged; {what}"):
                assert make(TINY, tmp_path) == metrics
            assert torch.equal(images(tmp_path), whole)


@pytest.mark.parametrize("damage", ["", "garbage\n", "{}\n", None])
def test_a_training_without_its_log_is_named_with_what_mends_it(tmp_path: Path, damage: str | None) -> None:
    metrics = make(TINY, tmp_path)
    folder = tmp_path / "cells" / CELL
    (folder / "metrics.json").unlink()
    (folder / "log.jsonl").unlink()
    if damage is not None:
        (folder / "log.jsonl").write_text(damage)
    with pytest.raises(OSError, match=rf"log.jsonl is missing or damaged: .* remove .*{CELL}"):
        make(TINY, tmp_path)
    shutil.rmtree(folder)
    assert make(TINY, tmp_path) == metrics


def test_files_of_samples_cannot_be_exchanged(tmp_path: Path) -> None:
    metrics = make(TINY, tmp_path, samples=1100)
    folder = tmp_path / "cells" / CELL / "samples"
    shutil.copy(folder / "00001.safetensors", folder / "00000.safetensors")
    with pytest.warns(UserWarning, match=r"00000.safetensors is damaged"):
        assert make(TINY, tmp_path, samples=1100) == metrics


def test_a_damaged_spectrum_is_made_again(tmp_path: Path) -> None:
    options = TINY.changed(output=tmp_path)
    make(TINY, tmp_path)
    cells, splits = cells_of(options.sweep), Splits(options)
    record = spectra(cells, options, splits)
    path = tmp_path / "cells" / CELL / "spectrum.json"
    other_digit = path.read_text().replace("0.", "1.", 1)
    for damage in ("{", '{"reference": "x"}', "[]", other_digit):
        assert damage != path.read_text()
        path.write_text(damage)
        with pytest.warns(UserWarning, match=r"spectrum.json is damaged; it is made again"):
            assert spectra(cells, options, splits) == record
    assert read_results(path) == next(iter(record.values()))


def test_a_folder_is_that_of_its_contents_and_not_of_its_spelling(tmp_path: Path) -> None:
    """What changes no number is no other experiment; what does is, and is named."""
    metrics = make(TINY, tmp_path)
    assert make(TINY, tmp_path, accumulation=2, compile=True) == metrics
    with pytest.raises(ValueError, match="steps is 4 there and 5 here"):
        make(TINY, tmp_path, steps=5)


def test_finished_models_of_other_images_are_not_taken_up(tmp_path: Path) -> None:
    pictures(tmp_path / "one")
    pictures(tmp_path / "two", side=9)
    options = TINY.changed(data="images", resolution=8, images=(12,), allow_noisy=True)
    metrics = make(options, tmp_path / "run", source=str(tmp_path / "one"))
    with pytest.raises(ValueError, match="was chosen from"):
        make(options, tmp_path / "run", source=str(tmp_path / "two"))
    assert make(options, tmp_path / "run", source=str((tmp_path / "one").rename(tmp_path / "moved"))) == metrics


def test_a_device_that_there_is_not_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--device cuda:99: this machine cannot use it"):
        make(TINY, tmp_path / "out", device="cuda:99")
    assert not (tmp_path / "out").exists()


def test_a_log_that_does_not_reach_the_end_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 5}\n{"step": 10}\n')
    assert len(report._log(path, 10)) == 2
    with pytest.warns(UserWarning, match=r"log\.jsonl is damaged: it ends at update 10 of 20"):
        report._log(path, 20)
