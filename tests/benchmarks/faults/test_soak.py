"""Every part of the soak on a command of a few lines: as it should be, and with the faults that are looked for."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.faults import damage, disk, fuzzing, kills, processes
from benchmarks.faults.commands import COMMANDS, EVERY, Command, wanted
from benchmarks.faults.options import FaultOptions
from benchmarks.faults.readers import Reader
from benchmarks.faults.report import report

SCRIPT = """
import sys, time
from pathlib import Path
from ambient.runs.console import run, say
from ambient.runs.damage import DamagedFileError
from ambient.runs.files import read_json, sweep, write_json, write_text
from dataclasses import dataclass

@dataclass(frozen=True)
class Options:
    behaviour: str
    def check(self): pass

def work(options):
    how, folder, total = options.behaviour, Path("run"), 0
    folder.mkdir(exist_ok=True)
    sweep(folder)
    for i in range(6):
        path = folder / f"{i}.json"
        if not path.exists():
            time.sleep(0.01)
            if how == "half-written":
                path.write_text("{")
                time.sleep(0.03)
            write_json(path, {"value": i, "padding": "." * 5000})
        try:
            total += read_json(path, "value")["value"]
        except DamagedFileError:
            if how == "silent":
                continue
            if how == "traceback":
                raise KeyError("value")
            if how == "unnamed":
                raise ValueError("something is wrong")
            if how in ("again", "unsaid"):
                if how == "again":
                    print(f"warning: {path} is damaged; it is made again", file=sys.stderr)
                write_json(path, {"value": i, "padding": "." * 5000})
                total += i
                continue
            raise
    write_text(folder / "sum.txt", str(total))

sys.exit(run(Options, work))
"""
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks the commands")


def _prepared(folder: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str) -> tuple[Command, Path]:
    """The command `script`, and the folder of what is given, with its whole results."""
    script, given = folder / "script.py", folder / "given"
    script.write_text(SCRIPT)
    command = Command(str(script), ("--behaviour", behaviour))
    monkeypatch.setitem(COMMANDS, "script", command)
    processes.fresh(given / "script", given)
    ended = processes.run(command, given / "script")
    assert ended.status == 0, ended.text
    return command, given


def _killed(folder: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, seed: int) -> dict[str, object]:
    command, given = _prepared(folder, monkeypatch, behaviour)
    return kills.series(command, given, given / "script", folder / "killed", kills=5, seconds=0.15, seed=seed)


def test_kills_that_are_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _killed(tmp_path, monkeypatch, "good", seed=1)
    assert found["faults"] == []
    assert found["kills"] == 5
    assert sum(dict(found["signals"]).values()) == 5  # type: ignore[call-overload]


POOL = """
import multiprocessing, sys, time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

if __name__ == "__main__":
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            pool.submit(time.sleep, 60).result()
        except BrokenProcessPool:
            sys.exit("error: a worker was killed")
"""


def test_one_worker_of_a_command_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    began = time.monotonic()
    pid = processes.start(Command(str(script), (), pool=True), tmp_path / "run")
    while not processes.kill_worker(pid, random.Random(0)):
        assert time.monotonic() - began < 30
        time.sleep(0.02)
    ended = processes.finish(pid, tmp_path / "run", began, limit=30)
    assert ended.status == 1
    assert not processes.kill_worker(pid, random.Random(0))


def test_a_half_written_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _killed(tmp_path, monkeypatch, "half-written", seed=2)["faults"]


@pytest.mark.parametrize(
    ("behaviour", "verdicts"),
    [
        ("good", {"named", "not read"}),
        ("silent", {"silent", "not read"}),
        ("traceback", {"traceback", "not read"}),
        ("unnamed", {"unnamed", "not read"}),
        ("again", {"made again", "not read"}),
        ("unsaid", {"unsaid", "not read"}),
    ],
)
def test_damages_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, verdicts: set[str]
) -> None:
    _, given = _prepared(tmp_path, monkeypatch, behaviour)
    case = damage.Case("script", "script")
    found = damage.damage_all(case, given, tmp_path / "damaged", 0, 10, 0.2, 0)
    of_json = {each["verdict"] for each in found if each["kind"] == "#.json"}
    assert of_json <= verdicts | {"silent"}  # a flipped digit of a value changes the sum, and no reader can know
    assert of_json & verdicts
    assert {each["verdict"] for each in found if each["kind"] == "sum.txt"} == {"rewritten"}
    assert all("said" in each for each in found if each["verdict"] in damage.FAULTS)


def test_what_is_half_done_is_damaged_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, given = _prepared(tmp_path, monkeypatch, "again")
    case = damage.Case("script", "script", "half done")
    found = damage.damage_all(case, given, tmp_path / "damaged", 0, 4, 0.15, 0)
    assert len(found) == 4
    assert {each["verdict"] for each in found} <= {"made again", "not read", "rewritten", "silent"}


def test_a_damage_changes_a_bit_or_the_length(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for seed in range(20):
        path.write_bytes(bytes(range(100)))
        done = damage.damage(path, random.Random(seed))
        content = path.read_bytes()
        if "cut" in done:
            assert bytes(range(100)).startswith(content)
            assert len(content) < 100
        else:
            assert sum((a ^ b).bit_count() for a, b in zip(content, range(100), strict=True)) == 1


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, given = _prepared(tmp_path, monkeypatch, "good")
    found: dict[str, object] = {}

    def fill() -> int:  # in a process: its mounts are its own
        found = disk.fill(command, given, given / "script", tmp_path / "full", 0)
        (tmp_path / "found.json").write_text(json.dumps(found))
        return 0

    os.waitpid(processes.fork(fill), 0)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["faults"] == []
    assert "could not write" in str(found["said"])


def _crash(content: bytes) -> None:
    if content.startswith(b"xx"):
        os._exit(3)


def _fill_memory(content: bytes) -> bytes:
    return bytes(3 << 30)


def test_crashes_and_memory_of_readers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {
        "crash": Reader(_crash, (b"xxxxxxxxxx",)),
        "memory": Reader(_fill_memory, (b"x",)),
        "good": Reader(len, (b"x" * 50,)),
    }
    monkeypatch.setattr(fuzzing, "every_reader", lambda: made)
    assert "ended with 3" in fuzzing.fuzz_cell("crash", 0, 50)["faults"][0]
    assert "MemoryError" in fuzzing.fuzz_cell("memory", 0, 2)["faults"][0]
    good = fuzzing.fuzz_cell("good", 0, 100)
    assert (good["inputs"], good["faults"]) == (100, [])


def test_inputs_are_shared_among_the_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"slow": Reader(len, (b"x",), share=0.5), "quick": Reader(len, (b"x",), share=9.5)}
    monkeypatch.setattr(fuzzing, "every_reader", lambda: made)
    assert fuzzing.counts(1000) == {"slow": 50, "quick": 950}


def test_commands_come_after_what_they_need() -> None:
    names = wanted(())
    assert set(names) == set(EVERY)
    for i, name in enumerate(names):
        assert set(EVERY[name].needs) <= set(names[:i])
    assert wanted(["sdxl.latents"]) == ["tiny", "sdxl.latents"]


def test_the_report_counts_faults(tmp_path: Path) -> None:
    cells = tmp_path / "cells"
    cells.mkdir()
    results = [
        {"part": "kills", "subject": "toy", "signals": {"SIGKILL": 4, "SIGINT": 1}, "ended before": 1, "faults": []},
        {"part": "damages", "subject": "toy finished", "damages": [{"verdict": "named"}], "faults": []},
        {"part": "fuzz", "subject": "text", "inputs": 10, "refused": 3, "slowest": 0.5, "memory": 9, "faults": ["x"]},
    ]
    for i, result in enumerate(results):
        (cells / f"{i}.json").write_text(json.dumps(result))
    assert report(tmp_path) == 1
    assert "| toy | 5 | 4 | 0 | 0 | 1 | 0 | 1 | 0 |" in (tmp_path / "table.md").read_text()
    (cells / "2.json").unlink()
    assert report(tmp_path) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (FaultOptions(kills=-1), "--kills"),
        (FaultOptions(workers=0), "--workers"),
        (FaultOptions(commands=("nothing",)), "--commands nothing"),
        (FaultOptions(only=()), "--only"),
    ],
)
def test_options_that_cannot_work_are_named(options: FaultOptions, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        options.check()


@pytest.mark.slow
def test_the_command_goes_on_where_it_was(tmp_path: Path) -> None:
    counts = ["--kills", "2", "--damages", "2", "--disk", "1", "--fuzz", "100", "--commands", "theory"]
    command = [sys.executable, "-m", "benchmarks.faults", *counts, "--output", str(tmp_path / "out")]
    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "0 faults" in first.stdout
    cells = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "cells").iterdir()}
    assert {path.name.split("-")[0] for path in cells} == {"kills", "damages", "fuzz"}
    (gone := next(iter(cells))).unlink()
    assert subprocess.run(command, capture_output=True).returncode == 0
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "cells").iterdir()}
    assert {path for path in again if again[path] != cells[path]} == {gone}
