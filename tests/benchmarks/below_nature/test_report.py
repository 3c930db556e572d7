from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.below_nature import measures, report


def test_the_table_has_means_spreads_and_ratios() -> None:
    def cell(energy: float) -> dict[str, object]:
        return {
            "seconds": energy,
            "full": {"energy": energy, "sliced": 0.1, **{f"error {m:g}": m for m in measures.MULTIPLES}},
        }

    cells = {("easy", "oracle", 0): cell(1.0), ("easy", "paper", 0): cell(2.0), ("easy", "paper", 1): cell(4.0)}
    lines = report._lines(report._rows(cells)["easy"])
    assert lines[1][:4] == ["oracle", "1", "1", "1.0"]
    assert lines[2][:4] == ["paper", "2", "3±1", "3.0"]
    assert lines[2][-1] == "-"
    assert lines[2][5:-1] == ["0.125±0", "0.25±0", "0.5±0", "1±0", "2±0"]


def test_nothing_to_show_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write({}, tmp_path / "none", Console(width=200))
    assert "holds no results" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()
