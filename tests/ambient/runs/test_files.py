from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.runs import files


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "result.txt"
    files.write_atomically(target, lambda path: path.write_text("first"))

    def fails(path: Path) -> None:
        path.write_text("half of the sec")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.write_atomically(target, fails)
    assert target.read_text() == "first"
    assert [p.name for p in target.parent.iterdir()] == ["result.txt"]


def test_records_survive_a_cut_line(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert files.read_records(log) == []
    files.append_record(log, {"step": 1})
    files.append_record(log, {"step": 2})
    log.write_text(log.read_text() + '{"step": 3, "lo')
    assert files.read_records(log) == [{"step": 1}, {"step": 2}]
    files.write_records(log, files.read_records(log)[:1])
    assert log.read_text() == '{"step": 1}\n'


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nan"):
        files.write_json(tmp_path / "a.json", {"fid": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_fingerprints_tell_values_shapes_and_types_apart() -> None:
    x = torch.arange(6.0)
    others = [x.reshape(2, 3), x.double(), x + 1e-6, x.flip(0)]
    assert len({files.fingerprint(x), *(files.fingerprint(other) for other in others)}) == 5
    assert files.fingerprint(x) == files.fingerprint(x.clone())
