"""Every snippet of docs/linear.md runs: the commands on a small model and few images, the Python as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch

from ambient.__main__ import main
from ambient.models import Model
from ambient.runs.pictures import save_png

PAGE = Path(__file__).resolve().parents[1] / "docs" / "linear.md"


def test_the_page_runs_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Model("small", 1, 8)
    model.save_pretrained("RUN")
    save_png(Path("MASK.png"), torch.ones(1, 8, 8))
    text = PAGE.read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    (example,) = (line for line in lines if "-m ambient example" in line)
    monkeypatch.setattr("sys.argv", ["ambient", *shlex.split(example)[3:-1], "2"])
    assert main() == 0, capsys.readouterr().err
    commands = [line for line in lines if "-m ambient restore" in line]
    assert len(commands) == 5
    for number, line in enumerate(commands):
        task = line.split("--task ")[1].split()[0]
        source = "CLEAN" if "CLEAN" in line else "SOURCE"
        for i in range(2):
            save_png(Path(f"{source}{number}") / f"{i}.png", torch.zeros(1, *[4 if "downsample" in task else 8] * 2))
        arguments = shlex.split(line)[3:]
        arguments[2], arguments[-1] = f"{source}{number}", f"OUT{number}"
        monkeypatch.setattr("sys.argv", ["ambient", *arguments, "--steps", "3"])
        assert main() == 0, capsys.readouterr().err
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.S)
    namespace = {"model": model, "images": torch.zeros(16, 1, 8, 8)}
    exec(compile(snippet, str(PAGE), "exec"), namespace)
    assert namespace["x"].shape == (16, 1, 8, 8)
