from __future__ import annotations

import json
from pathlib import Path

import pytest

from ambient.runs.results import write_results
from paper_repro.report import results
from paper_repro.report.claims import above, exact
from paper_repro.report.results import DamagedResultError, Finding, Made
from paper_repro.report.tables import Table

FINDING = Finding(
    (Table("title", ("", "ours"), (("row", "1"),)),), (above("a claim", exact(2.0), 1.0),), {"a.png": "caption"}, ("s",)
)
FACTS = {"command": "c", "commit": "d", "hardware": "h", "seconds": 1.0, "date": "2026-01-01", "key": "k"}


def _saved(folder: Path) -> dict[str, object]:
    return results.as_json(Made("p1-table1", "smoke", FINDING, FACTS, folder))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert results.read(tmp_path) is None
    (tmp_path / "result.json").write_text(json.dumps(_saved(tmp_path)))
    assert results.read(tmp_path) == Made("p1-table1", "smoke", FINDING, FACTS, tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", "1", "[" * 100_000, "tests=[]", "tests=[{}]", "tests=[outcome]", "tables=[1]", "key=gone"],
)
def test_any_damage_is_named(content: str, tmp_path: Path) -> None:
    saved = _saved(tmp_path)
    changed = {
        "tests=[]": {**saved, "tests": []},
        "tests=[{}]": {**saved, "tests": [{}]},
        "tests=[outcome]": {**saved, "tests": [{"claim": "a", "outcome": "perhaps", "why": "b"}]},
        "tables=[1]": {**saved, "tables": [1]},
        "key=gone": {key: value for key, value in saved.items() if key != "key"},
    }
    text = json.dumps(changed[content]) if content in changed else content
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(DamagedResultError, match=r"result\.json is damaged"):
        results.read(tmp_path)


def test_a_digit_that_changed_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_results(path, _saved(tmp_path))
    assert results.read(tmp_path) == Made("p1-table1", "smoke", FINDING, FACTS, tmp_path)
    path.write_text(path.read_text().replace('"seconds": 1.0', '"seconds": 3.0'))
    with pytest.raises(DamagedResultError, match=r"result\.json is damaged: its contents do not match its checksum"):
        results.read(tmp_path)


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DamagedResultError, match=r"result\.json is damaged"):
        results.read(tmp_path)
