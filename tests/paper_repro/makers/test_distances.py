"""Fréchet distances: statistics are computed once, and again where their file is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rich.console import Console

from ambient.metrics.features import Pixels
from paper_repro.backends import backend_of, products_of
from paper_repro.makers import distances
from paper_repro.makers.distances import Distances
from paper_repro.makers.run import Run
from paper_repro.options import Options


def test_statistics_are_kept_and_made_again_where_they_are_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options(output=tmp_path)
    run = Run(backend_of(options), products_of(options), "cpu", Console(quiet=True))
    monkeypatch.setattr(run.backend, "judge", lambda device: Pixels())
    reads: list[Path] = []

    def generated(folder: Path, count: int) -> list[torch.Tensor]:
        reads.append(folder)
        return [torch.randn(20, 3, 4, 4, generator=torch.Generator().manual_seed(0))]

    monkeypatch.setattr(distances, "batches_of_generated", generated)
    monkeypatch.setattr(distances, "batches_of_pictures", lambda pairs, side: generated(tmp_path / "data", len(pairs)))
    distance = Distances(run, "ffhq")
    assert abs(distance.of(tmp_path)) < 1e-6  # both sets are the same
    assert distance.of(tmp_path) == Distances(run, "ffhq").of(tmp_path)
    assert reads == [tmp_path / "data", tmp_path]
    (file,) = tmp_path.glob("statistics-*.safetensors")
    file.write_bytes(file.read_bytes()[:-20])
    assert abs(distance.of(tmp_path)) < 1e-6
    assert file.name in capsys.readouterr().err
    assert reads[2:] == [tmp_path]
