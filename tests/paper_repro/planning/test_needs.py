"""What stops a run at the scales of the papers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paper_repro.__main__ import main
from paper_repro.backends import backend_of
from paper_repro.options import Options, Scale
from paper_repro.registry.artefact import Artefact
from paper_repro.registry.artefacts import ARTEFACTS


def _error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    return shown


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda a: a.name)
@pytest.mark.parametrize("scale", ["gpu", "paper"])
def test_each_stops_at_the_data_that_are_missing_and_says_where_to_get_them(
    artefact: Artefact[Any], scale: Scale, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = _error([artefact.name, "--scale", scale, "--output", str(tmp_path)], capsys)
    first = backend_of(Options(scale=scale)).needs(artefact.products, artefact.judges)[0]
    assert first.name in error
    assert first.where in error
    assert first.option in error


def test_then_at_weights_then_at_the_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces, weights = tmp_path / "faces", tmp_path / "weights"
    faces.mkdir()
    weights.mkdir()
    base = ["p1-table1", "--scale", "paper", "--ffhq", str(faces), "--output", str(tmp_path / "out")]
    error = _error([*base, "--sdxl", "nobody/no-such-model"], capsys)
    assert "SDXL is not at nobody/no-such-model, nor in the local Hugging Face cache" in error
    assert "--download" in error
    assert "needs a CUDA GPU" in _error([*base, "--sdxl", str(weights)], capsys)
