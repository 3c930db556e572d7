from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.runs.results import read_results
from benchmarks.below_nature.networks import denoiser_of
from benchmarks.cost import updates
from theory.worlds import stream32


def setting() -> updates.Setting:
    return updates.Setting(lambda: denoiser_of(32, 0.75, 0), stream32(), (32,), 256)


def test_a_method_that_does_twice_the_work_costs_more() -> None:
    torch.set_num_threads(1)
    seconds = updates.measure(setting(), ("ambient", "paper"), 6)
    assert 1.5 < seconds["paper"] / seconds["ambient"] < 8


def test_the_table_has_ratios_to_ambient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(updates, "settings", lambda: {"a network": setting()})
    monkeypatch.setattr(updates, "measure", lambda *_: {"ambient": 0.002, "paper": 0.005})
    updates.report(("paper",), 1, tmp_path)
    assert read_results(tmp_path / "cost.json") == {"a network": {"milliseconds": 2.0, "ambient": 1.0, "paper": 2.5}}
    assert "1 (2.0 ms)" in capsys.readouterr().out
