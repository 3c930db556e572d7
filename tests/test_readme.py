"""Every snippet of the README runs; the commands at a smaller size, the Python as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch

from ambient.__main__ import main

README = Path(__file__).resolve().parents[1] / "README.md"
SMALLER = {"example": ["--images", "40"], "train": ["--steps", "4", "--batch", "16"], "sample": [], "restore": []}


def blocks(language: str) -> list[str]:
    """The README's blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.S)


def test_five_lines_and_all_python_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (lines,) = (block.splitlines() for block in blocks("sh") if "-m ambient train" in block)
    assert len(lines) == 5
    for line in lines:
        python, module, room, command, *arguments = shlex.split(line)
        assert (python, module, room) == (".venv/bin/python", "-m", "ambient")
        monkeypatch.setattr("sys.argv", ["ambient", command, *arguments, *SMALLER.get(command, [])])
        assert main() == 0, capsys.readouterr().err
    assert (tmp_path / "RESTORED" / "restored.png").is_file()
    assert len(list((tmp_path / "SAMPLES").glob("*.png"))) == 64
    namespace: dict[str, object] = {"noisy": torch.zeros(3, 1, 8, 8)}
    found = blocks("python")
    assert len(found) == 3
    for block in found:
        exec(compile(block, str(README), "exec"), namespace)
    assert isinstance(namespace["restored"], torch.Tensor)
    assert namespace["loss"].shape == (16,)  # type: ignore[attr-defined]
    assert (tmp_path / "runs" / "mine" / "model.safetensors").is_file()
