from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ambient.runs.locks import locked

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from ambient.runs.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held_by_another(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that works in a folder."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    try:
        yield other
    finally:
        other.kill()
        other.communicate()


def test_a_folder_is_one_process_own(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    in_use = pytest.raises(RuntimeError, match=r"run is in use by another process; wait for it")
    with held_by_another(folder), in_use, locked(folder):
        pass
    with locked(folder, wait=10):
        assert folder.is_dir()


def test_a_process_may_take_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with locked(tmp_path / "run"), locked(Path("run")), locked(Path("./run/")):
        pass
    with locked(tmp_path / "run"):
        pass
