from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ambient.runs import files
from ambient.runs.damage import DamagedFileError

DEAD = 2**22 + 1
"""More than any process number on Linux."""
ROOT = Path(__file__).resolve().parents[3]


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


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o002])
def test_files_get_the_users_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.save_tensors(tmp_path / "a.safetensors", {"x": torch.zeros(2)})
        files.write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_only_temporary_files_of_dead_processes_are_swept(tmp_path: Path) -> None:
    dead = [tmp_path / f".a.json.{DEAD}.tmp", tmp_path / "b" / "c" / f".m.safetensors.{DEAD}.tmp"]
    kept = [tmp_path / f".a.json.{os.getpid()}.tmp", tmp_path / ".a.json.tmp", tmp_path / f"a.{DEAD}.tmp"]
    kept += [tmp_path / ".vimrc.x1.tmp", tmp_path / "b" / "a.json"]
    for path in (*dead, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert sorted(files.sweep(tmp_path)) == sorted(dead)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in dead)


def test_a_write_that_is_killed_leaves_nothing_that_is_not_swept(tmp_path: Path) -> None:
    code = """
import os, signal, sys, torch
from pathlib import Path
from ambient.runs import files
os.fsync = lambda number: os.kill(os.getpid(), signal.SIGKILL)
files.save_tensors(Path(sys.argv[1]), {"x": torch.zeros(3)})
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.safetensors")], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    files.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_next_write_of_a_file_removes_what_killed_ones_have_left(tmp_path: Path) -> None:
    left, others = tmp_path / f".a.json.{DEAD}.tmp", tmp_path / f".b.json.{DEAD}.tmp"
    alive = tmp_path / f".a.json.{os.getppid()}.tmp"
    for path in (left, others, alive):
        path.write_text("half")
    files.write_json(tmp_path / "a.json", {})
    assert sorted(tmp_path.iterdir()) == sorted([others, alive, tmp_path / "a.json"])


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    left = folder.with_name(f".out.{DEAD}.tmp")
    left.mkdir(parents=True)
    (left / "a").write_text("half")

    def write(there: Path) -> None:
        (there / "a").write_text("a")
        (there / "sub").mkdir()
        (there / "sub" / "b").write_text("b")

    def fail(there: Path) -> None:
        write(there)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"could not write .*out: .*No space left"):
        files.write_folder(folder, fail)
    assert list(folder.parent.iterdir()) == []
    for existing in (False, True):
        if existing:
            (folder / "a").unlink()
            (folder / "sub" / "b").unlink()
            (folder / "sub").rmdir()
        files.write_folder(folder, write)
        assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == ["a", "sub", "sub/b"]
        assert list(folder.parent.iterdir()) == [folder]


def test_text_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from ambient.runs import files
folder = Path(sys.argv[1])
files.write_text(folder / "table.md", "sigma \\u03c3")
files.write_json(folder / "a.json", {"name": "caf\\u00e9"})
files.append_record(folder / "log.jsonl", {"name": "caf\\u00e9"})
assert files.read_text(folder / "table.md") == "sigma \\u03c3"
assert files.read_text(folder / "bom.txt") == "caf\\u00e9"
"""
    (tmp_path / "bom.txt").write_bytes("\ufeffcaf\u00e9".encode())
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True)
    assert (tmp_path / "table.md").read_bytes() == "sigma \u03c3".encode()
    assert files.read_json(tmp_path / "a.json") == {"name": "caf\u00e9"}
    assert files.read_records(tmp_path / "log.jsonl") == [{"name": "caf\u00e9"}]


def test_records_end_with_a_newline_alone(tmp_path: Path) -> None:
    record = {"text": "a\u2028b\x85c\x0bd\x1ce"}
    (tmp_path / "a.jsonl").write_bytes((json.dumps(record, ensure_ascii=False) + "\r\n").encode("utf-8-sig"))
    assert files.read_records(tmp_path / "a.jsonl") == [record]


DEEP = "[" * 200_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "it is not JSON"),
        (b"", "it is not JSON"),
        (b"[1, 2]", "it holds a list where an object was expected"),
        (b'{"rows": 1}', "'key' is missing"),
        (b'{"key": "\xff"}', r"it is not UTF-8 text \(byte 9\)"),
        (DEEP.encode(), "nested too deeply"),
        (b'{"key": ' + b"9" * 5000 + b"}", "is damaged"),
    ],
)
def test_damaged_json_is_one_line_that_names_the_file(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=said) as caught:
        files.read_json(path, "key", remedy="make it again")
    message = str(caught.value)
    assert message.startswith(f"{path} is damaged: ")
    assert message.endswith("; make it again")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"step": 1}\n{"st\n{"step": 3}\n', "its line 2 is not JSON"),
        ('{"step": 1}\n[2]\n', "its line 2 is no record"),
        ('{"step": 1}\n{"stop": 2}\n', "'step of line 2' is missing"),
    ],
)
def test_damaged_records_are_named_by_their_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "log.jsonl").write_text(content)
    with pytest.raises(DamagedFileError, match=said):
        files.read_records(tmp_path / "log.jsonl", "step")


def test_the_last_record(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with pytest.raises(DamagedFileError, match=r"log\.jsonl is damaged: it is missing"):
        files.last_record(path)
    path.touch()
    with pytest.raises(DamagedFileError, match="it holds no record"):
        files.last_record(path)
    files.write_records(path, [{"step": 1}, {"step": 2}])
    assert files.last_record(path, "step") == {"step": 2}


def test_tensors_and_metadata_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {"x": torch.arange(6).reshape(2, 3), "y": torch.ones((), dtype=torch.bfloat16)}
    files.save_tensors(path, tensors, {"name": "a", "key": "k"})
    found, facts = files.load_tensors(path, "x", metadata={"key": "k"})
    assert facts == {"name": "a", "key": "k"}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert files.is_whole(path, "x", "y", metadata={"name": "a"})
    with pytest.raises(DamagedFileError, match="'z' is missing"):
        files.load_tensors(path, "z")
    with pytest.raises(DamagedFileError, match=r"another file than it should be \(key k, not other\)"):
        files.load_tensors(path, metadata={"key": "other"})
    assert not files.is_whole(path, "z")
    assert not files.is_whole(path, metadata={"key": "other"})
    assert not files.is_whole(tmp_path / "absent.safetensors")
    with pytest.raises(FileNotFoundError, match=r"absent\.safetensors"):
        files.load_tensors(tmp_path / "absent.safetensors")


@pytest.mark.parametrize(
    "metadata", [{}, {"b": "1", "a": "2", "c": "3"}, {"zeros": "0" * 64, "\u00e9": 'a\x01"\\', "a": "0" * 64}]
)
def test_equal_contents_are_equal_files(tmp_path: Path, metadata: dict[str, str]) -> None:
    """safetensors writes metadata in any order; every other process would make another file."""
    one, *others = [tmp_path / str(i) for i in range(4)]
    files.save_tensors(one, {"x": torch.zeros(2)}, metadata)
    for other in others:
        files.save_tensors(other, {"x": torch.zeros(2)}, dict(reversed(list(metadata.items()))))
        assert one.read_bytes() == other.read_bytes()
    assert files.load_tensors(one)[1] == metadata


def test_the_checksum_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="may not be called sha256"):
        files.save_tensors(tmp_path / "a", {"x": torch.zeros(2)}, {"sha256": "mine"})


def test_what_is_damaged_is_made_again_and_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    assert files.is_to_be_made(path, "x")
    files.save_tensors(path, {"x": torch.zeros(3)})
    assert not files.is_to_be_made(path, "x")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=r"x\.safetensors is damaged; it is made again"):
        assert files.is_to_be_made(path, "x")
