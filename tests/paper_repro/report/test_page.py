from __future__ import annotations

import json
from pathlib import Path

import pytest

from paper_repro.options import Scale
from paper_repro.report import page, results
from paper_repro.report.claims import above, exact
from paper_repro.report.results import Caption, DamagedResultError, Finding, Made
from paper_repro.report.tables import Table

CAPTIONS = [Caption("P1", "Table 1", "what", "claim one"), Caption("P2", "Figure 4", "images", "claim two")]
FACTS = {"command": "the command", "commit": "abc", "hardware": "h", "seconds": 300.0, "date": "2026-01-01", "key": "k"}


def _make(output: Path, caption: Caption, scale: Scale, value: float) -> Path:
    folder = results.folder_of(output, caption.name, scale)
    folder.mkdir(parents=True)
    tests = (above("a claim", exact(value), 1.0),)
    finding = Finding((Table("title", ("", "ours"), (("row", "1"),)),), tests, {"a.png": "the picture"})
    (folder / "a.png").write_bytes(b"\x89PNG")
    saved = results.as_json(Made(caption.name, scale, finding, FACTS, folder))
    (folder / "result.json").write_text(json.dumps(saved))
    return folder


def test_the_largest_scale_is_shown(tmp_path: Path) -> None:
    _make(tmp_path / "out", CAPTIONS[0], "smoke", 2.0)
    _make(tmp_path / "out", CAPTIONS[0], "cpu", 0.0)
    text = page.write(CAPTIONS, tmp_path / "out", tmp_path).read_text()
    assert "| [P1 Table 1](#p1-table1) | what | cpu | does not hold |" in text
    assert "| [P2 Figure 4](#p2-figure4) | images | – | not made |" in text
    assert "`the command` · scale cpu · commit abc · h · 5 min" in text
    assert (tmp_path / "docs" / "results" / "p1-table1-a.png").is_file()


def test_nothing_is_written_of_damaged_results(tmp_path: Path) -> None:
    _make(tmp_path / "out", CAPTIONS[0], "smoke", 2.0)
    folder = _make(tmp_path / "out", CAPTIONS[1], "smoke", 2.0)
    (folder / "a.png").unlink()
    with pytest.raises(DamagedResultError, match=r"a\.png is not there; make p2-figure4 again"):
        page.write(CAPTIONS, tmp_path / "out", tmp_path / "root")
    (folder / "result.json").write_text("{")
    with pytest.raises(DamagedResultError, match=r"result\.json is damaged: .*; make p2-figure4 again"):
        page.write(CAPTIONS, tmp_path / "out", tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_nothing_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing has been made"):
        page.write(CAPTIONS, tmp_path, tmp_path)
