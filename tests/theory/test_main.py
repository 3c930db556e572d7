from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from theory import command, plots_p2
from theory.__main__ import main
from theory.statements import NOT_CHECKED, STATEMENTS, Evidence, Findings, Statement

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "theory", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_one_statement_from_the_command_line(tmp_path: Path) -> None:
    done = run("--only", "P1-A.2", "--only", "P1-A.24", "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    for text in ("P1-A.2", "misprint", "P1-A.24", "exact"):
        assert text in done.stdout
    records = json.loads((tmp_path / "out" / "theory.json").read_text())["statements"]
    assert [record["id"] for record in records] == ["P1-A.2", "P1-A.24"]
    assert [record["verdict"] for record in records] == ["misprint", "exact"]
    assert not any(number["holds"] for number in records[0]["printed"])
    assert all(number["holds"] and number["measured"] <= number["bound"] for number in records[0]["corrected"])


def test_an_unknown_statement_is_one_clear_line() -> None:
    done = run("--only", "P1-A.222")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: unknown statement 'P1-A.222'; did you mean")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A register of two statements; the value of "measured" decides what the first one finds."""
    found = {"measured": 0.5}

    def check() -> Findings:
        return Findings((Evidence("error of [it] *all*", found["measured"], "<=", 1.0),))

    def mended() -> Findings:
        return Findings((Evidence("e", 2.0, "<=", 1.0),), (Evidence("f", 0.1, "<=", 1.0),))

    register = (
        Statement("P1-one", "P1 eq. 1", "A_b | c.", check),
        Statement("P2-two", "P2 eq. 2", "D.", mended, "correction", "E."),
    )
    monkeypatch.setattr(command, "STATEMENTS", register)
    return found


def test_a_changed_verdict_is_named(world: dict[str, float], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--workers", "1"]) == 0
    world["measured"] = 1.5
    assert main(["--workers", "1"]) == 1
    error = capsys.readouterr().err
    assert "P1-one: on record as exact, now unsupported: error of [it] *all*: 1.5 (<= 1)" in error
    assert "P2-two" not in error.split("P1-one")[-1]


def test_a_place_that_cannot_be_written_is_named(
    world: dict[str, float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--workers", "1", "--output", str(tmp_path / "file")]) == 1
    assert main(["--workers", "0"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert str(tmp_path / "file") in lines[0]
    assert "is a file; give a folder" in lines[-2]
    assert lines[-1] == "error: --workers 0: at least 1"


@pytest.mark.parametrize("argument", ["--help", "--onyl"])
def test_help_and_mistyped_options_are_answered_before_anything_heavy_is_imported(argument: str) -> None:
    """Only `python -m theory` in a process of its own shows what it imports."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['theory', {argument!r}]\n"
        "try:\n    runpy.run_module('theory', run_name='__main__')\n"
        "except SystemExit as stop:\n    status = stop.code\n"
        "heavy = {'torch', 'scipy', 'numpy', 'matplotlib', 'diffusers', 'sklearn'} & set(sys.modules)\n"
        "print(status, sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == f"{0 if argument == '--help' else 2} []"


@pytest.mark.slow
def test_the_report_shows_failures_corrections_and_what_is_open(
    world: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world["measured"] = 1.5
    monkeypatch.setattr(plots_p2, "plots", lambda folder: [])  # drawn in their own test
    assert main(["--workers", "1", "--output", str(tmp_path / "report")]) == 1
    text = (tmp_path / "report" / "README.md").read_text()
    assert "**unsupported**" in text
    assert "error of \\[it\\] \\*all\\*: 1.5 (&lt;= 1): **fails**" in text
    assert "A\\_b \\| c." in text
    assert "*Printed:* e: 2 (&lt;= 1): **fails**<br>*Instead:* f: 0.1 (&lt;= 1)" in text
    pictures = {path.name for path in (tmp_path / "report").glob("*.png")}
    assert len(pictures) >= 4
    assert all(f"]({name})" in text for name in pictures)
    record = json.loads((tmp_path / "report" / "theory.json").read_text())
    assert [entry["verdict"] for entry in record["statements"]] == ["unsupported", "correction"]
    assert len(record["not_checked"]) == len(NOT_CHECKED)


def test_the_committed_report_is_of_these_statements() -> None:
    record = json.loads((ROOT / "docs" / "theory" / "theory.json").read_text())
    assert [entry["id"] for entry in record["statements"]] == [statement.id for statement in STATEMENTS]
    assert all(entry["verdict"] == entry["expected"] for entry in record["statements"])
    text = (ROOT / "docs" / "theory" / "README.md").read_text()
    assert all(f"({path.name})" in text for path in (ROOT / "docs" / "theory").glob("*.png"))
