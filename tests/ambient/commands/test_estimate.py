from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ambient.commands.estimate import Estimate
from ambient.commands.estimate import run as estimate_run
from ambient.runs.console import run
from tests.ambient.noise.pictures import noisy, smooth_with_edges


def stack(folder: Path, sigma: float = 0.2) -> Path:
    path = folder / "noisy.npy"
    np.save(path, noisy(smooth_with_edges(60), sigma)[:, 0].numpy())
    return path


def test_table_verdict_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "found" / "noise.json"
    status = run(Estimate, estimate_run, [str(stack(tmp_path)), "--range", "-1", "1", "--output", str(output)])
    printed = capsys.readouterr().out
    assert status == 0
    for words in ("black is -1, white is 1 (as stated)", "wavelet", "Level 0.", "in all images", str(output)):
        assert words in printed.replace("\n", " ")
    record = json.loads(output.read_text())
    assert record["level"]["lower"] <= 0.2 <= record["level"]["upper"]
    assert len(record["names"]) == len(record["images"]["sigma"]) == 60
    assert record["white"]["holds"] is True


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["SOURCE"], "state their values"),
        (["SOURCE", "--range", "1", "0"], "the smaller one first"),
        (["SOURCE", "--range", "0", "1", "--limit", "0"], "--limit must be at least 1"),
        (["SOURCE", "--range", "-1", "1", "--resolution", "8"], "only --limit"),
        (["SOURCE", "--range", "-1", "1", "--output", "FOLDER"], "is a folder"),
        (["MISSING.npy", "--range", "-1", "1"], "does not exist"),
    ],
)
def test_misuse_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    places = {"SOURCE": str(stack(tmp_path)), "FOLDER": str(tmp_path)}
    status = run(Estimate, estimate_run, [places.get(argument, argument) for argument in arguments])
    error = capsys.readouterr().err
    assert status == 1
    assert named in error
    assert len(error.strip().splitlines()) == 1


def test_options_are_parsed_before_anything_heavy_is_imported() -> None:
    heavy = ("torch", "skimage", "scipy", "pywt", "tifffile", "sklearn", "matplotlib", "pandas", "diffusers")
    code = (
        f"import sys, ambient.commands.estimate, ambient.noise.units; print([m for m in {heavy} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
