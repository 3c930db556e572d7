"""The command line: lists, plans, and misuse answered in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from paper_repro.__main__ import main
from paper_repro.registry.artefacts import ARTEFACTS

HEAVY = ("torch", "diffusers", "transformers", "accelerate", "sklearn", "scipy", "matplotlib", "pandas")


def _error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "Traceback" not in shown
    return shown


def test_the_list_shows_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--output", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert all(artefact.name in shown for artefact in ARTEFACTS)


def test_a_dry_run_of_everything_makes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for scale in ("cpu", "paper"):
        assert main(["all", "--scale", scale, "--dry-run", "--output", str(tmp_path / "none")]) == 0
        assert "GPU hours" in capsys.readouterr().out
        assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("arguments", [["list"], ["all", "--scale", "paper", "--dry-run"], ["p3-table1"]])
def test_lists_plans_and_mistakes_need_no_heavy_import(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from paper_repro.__main__ import main; main(sys.argv[1:]); "
        f"print(*(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *arguments, "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == ""


def test_what_does_not_exist_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no artefact p3-table1" in _error(["p3-table1"], capsys)
    assert "nothing has been made" in _error(["page", "--output", str(tmp_path)], capsys)
    assert "--adopt" in _error(["p2-table1", "--adopt", str(tmp_path)], capsys)
    assert "--cifar10 nowhere" in _error(["p2-table1", "--cifar10", "nowhere", "--scale", "cpu"], capsys)
    damaged = tmp_path / "results" / "smoke" / "p1-table1" / "result.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{")
    assert str(damaged) in _error(["page", "--output", str(tmp_path)], capsys)


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    error = _error(["p2-figure4", "--device", "cuda", "--output", str(tmp_path / "out")], capsys)
    assert "--device cuda: PyTorch finds no CUDA GPU" in error
    assert not (tmp_path / "out").exists()


def test_blocks_that_leave_an_artefact_nothing_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = _error(["p2-table2", "--scale", "paper", "--blocks", "cifar10", "--dry-run"], capsys)
    assert "--blocks cifar10: p2-table2 has ffhq at scale paper" in error
    error = _error(["p2-table1", "--blocks", "ffhq", "--output", str(tmp_path)], capsys)
    assert "p2-table1 has digits at scale smoke" in error


def test_what_is_given_and_not_used_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["p2-table1", "--dry-run", "--p1-recipe", "code", "--output", str(tmp_path)]) == 0
    assert "--p1-recipe is not used by this command at scale smoke" in capsys.readouterr().err
