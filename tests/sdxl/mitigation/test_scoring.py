"""Prompts scored by how much they move the prediction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sdxl.loading import load
from sdxl.mitigation.options import ScoreOptions
from sdxl.mitigation.scoring import score, score_prompts
from tests.sdxl.conftest import on_cpu


def test_prompts_are_scored_one_by_one_as_together(xl: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a photo of a cat\nnormal lungs\nchest x-ray\n")
    (tmp_path / "b.txt").write_text("dog\nface\n")
    cpu = torch.device("cpu")
    options = ScoreOptions(tmp_path / "a.txt", tmp_path / "b.txt", run=on_cpu(xl, tmp_path / "scores.json"), noises=2)
    scores = score_prompts(options, cpu)
    one = score_prompts(replace(options, run=on_cpu(xl, tmp_path / "one.json", batch=1)), cpu)
    assert torch.allclose(scores.prompts, one.prompts, rtol=1e-4)
    assert scores.others is not None
    assert scores.comparison is not None
    wins = (scores.prompts[:, None] > scores.others[None]).double().mean()
    assert scores.comparison.superiority.value == pytest.approx(float(wins))
    saved = json.loads((tmp_path / "scores.json").read_text())
    assert saved["prompts"][1]["text"] == "normal lungs"
    components = load(options.run.model)
    assert score(components, ["", ""], components.process.level(999.0), 2, 0, 2).max() < 1e-4
