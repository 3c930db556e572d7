"""Results are compared as they are, but for times."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from ambient.runs.files import save_tensors, write_json
from ambient.runs.results import write_results
from benchmarks.faults.contents import contents, differences, digest, files, left_over


def _checkpoint(path: Path, seconds: float, weight: float = 1.0) -> str:
    save_tensors(path, {"w": torch.full((2,), weight)}, {"state": json.dumps({"step": 3, "seconds": seconds})})
    return digest(path)


def test_times_do_not_count_and_all_else_does(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    assert _checkpoint(path, 1.0) == _checkpoint(path, 2.0) != _checkpoint(path, 1.0, weight=1.5)
    path = tmp_path / "metrics.json"
    found = []
    for value in ({"m13": 1, "seconds": 1}, {"m13": 1, "seconds": 2}, {"m13": 2, "seconds": 1}):
        write_json(path, {"models": [value]})
        found.append(digest(path))
    assert found[0] == found[1] != found[2]


def test_a_checksum_over_times_does_not_count_unless_it_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    found = []
    for value in ({"m13": 1, "seconds": 1}, {"m13": 1, "seconds": 2}, {"m13": 2, "seconds": 1}):
        write_results(path, value)
        found.append(digest(path))
    assert found[0] == found[1] != found[2]
    path.write_text(path.read_text().replace('"m13": 2', '"m13": 1'))
    assert digest(path) not in found


def test_columns_of_seconds_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    found = []
    for seconds, m13 in ((1, 2), (3, 2), (1, 4)):
        path.write_text(f"| m13 | train s |\n| --- | --- |\n| {m13} | {seconds} |\n")
        found.append(digest(path))
    assert found[0] == found[1] != found[2]


def test_damaged_files_are_compared_byte_by_byte(tmp_path: Path) -> None:
    for name in ("a.json", "a.jsonl", "checkpoint.safetensors", "a.md"):
        path = tmp_path / name
        path.write_bytes(b'{"a": \xff')
        first = digest(path)
        path.write_bytes(b'{"a": \xfe')
        assert digest(path) != first


def test_folders_differ_in_what_is_missing_and_what_is_other(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "same.txt").write_text("same")
        (tmp_path / name / "other.txt").write_text(name)
        (tmp_path / name / "lock").write_text("")
    (tmp_path / "two" / "more.txt").write_text("")
    (tmp_path / "two" / ".more.txt.17.tmp").write_text("")
    one, two = (contents(tmp_path / name) for name in ("one", "two"))
    assert differences(one, two) == ["more.txt", "other.txt"]
    assert files(tmp_path / "two") == ["deep/same.txt", "more.txt", "other.txt"]
    assert left_over(tmp_path / "two") == [".more.txt.17.tmp"]
