"""Every snippet of docs/noisy_images.md runs, in the order in which it stands; trainings at a smaller size."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from ambient.__main__ import main

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "noisy_images.md").read_text(encoding="utf-8")
SMALLER = {"example": ["--images", "60"], "train": ["--steps", "4", "--batch", "16"], "restore": ["--steps", "2"]}
TABLES = ("benchmarks.",)
"""Commands that make the page's tables; they take minutes and have tests of their own."""


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    commands = set()
    for language, block in re.findall(r"```(sh|python)\n(.*?)```", PAGE, re.S):
        if language == "python":
            exec(compile(block, "docs/noisy_images.md", "exec"), namespace)
            continue
        for line in block.replace("\\\n", " ").splitlines():
            python, module, room, *words = shlex.split(line)
            assert (python, module) == ("python", "-m"), line
            if room.startswith(TABLES):
                continue
            assert room == "ambient", line
            command, *arguments = words
            commands.add(command)
            given = [*arguments, *SMALLER.get(command, [])]
            monkeypatch.setattr("sys.argv", ["ambient", command, *given])
            assert main() == 0, capsys.readouterr().err
    assert commands == {"example", "estimate", "train", "sample", "restore", "audit", "export"}
    assert (tmp_path / "AUDIT" / "audit.html").is_file()
    assert len(list((tmp_path / "ODD").glob("*.png"))) == 8
    assert {path.name for path in (tmp_path / "BY-CLASS" / "mean").iterdir()} >= {"even__0000.png", "odd__0001.png"}
    assert np.load(next((tmp_path / "WHOLE" / "mean").glob("*.npy"))).shape == (1, 128, 128)
    assert namespace["draws"].shape == (4, 1, 8, 8)  # type: ignore[attr-defined]


def test_what_the_page_promises_is_said() -> None:
    """The methods and kinds of noise of the page are those of the command."""
    from typing import get_args

    from ambient.models.names import MethodName
    from ambient.noise.units import parse_level, parse_poisson

    named = set(re.findall(r"`([a-z0-9-]+)`", PAGE.split("## Which method?")[1].split("Do not train")[0]))
    assert set(get_args(MethodName)) - {"auto"} <= named
    for text in re.findall(r"`poisson:[0-9][^`]*`", PAGE):
        assert parse_poisson(text.strip("`")) is not None
    assert parse_level("8bit:38") == pytest.approx(0.298, abs=1e-3)
