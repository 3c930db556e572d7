"""The README's way to P2's Table 1 on CIFAR-10: three commands, of which the last is run with stand-ins."""

from __future__ import annotations

import pickle
import re
import shlex
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paper_repro import __main__ as command
from paper_repro import making
from paper_repro.__main__ import main
from paper_repro.makers.run import Run
from paper_repro.options import Options
from paper_repro.report import results
from paper_repro.sizes import blocks
from tests.ambient.data.images.make import batch, cifar_files

README = Path(__file__).resolve().parents[2] / "README.md"


def _commands() -> list[str]:
    block = next(b for b in re.findall(r"```sh\n(.*?)```", README.read_text(), re.S) if "paper_repro p2-table1" in b)
    return [line for line in block.splitlines() if line.strip()]


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The third command's, in a folder with stand-ins for what the second fetches."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "check_device", lambda device: None)  # the command asks for a GPU
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as tar:
        names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
        batches = {name: pickle.dumps(batch(i, 20), protocol=2) for i, name in enumerate(names)}
        for name, content in cifar_files(**batches).items():
            path = tmp_path / "parts" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            tar.add(path, name)
    np.savez(tmp_path / "cifar10-32x32.npz", mu=np.zeros(2048), sigma=np.eye(2048))
    words = shlex.split(_commands()[2])
    assert words[1:3] == ["-m", "paper_repro"]
    return [*words[3:], "--output", str(tmp_path / "out")]


def test_three_commands_that_fetch_what_is_then_used() -> None:
    commands = _commands()
    assert len(commands) == 3
    assert "pip install" in commands[0]
    for url in re.findall(r"https://\S+", commands[1]):
        assert url.rsplit("/", 1)[1] in commands[2]


def test_the_plan(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for scale in ("gpu", "paper"):
        assert main([*arguments, "--scale", scale, "--dry-run"]) == 0
        shown = capsys.readouterr().out
        assert "cifar10" in shown
        assert "ffhq" not in shown


def test_it_starts_and_stops_at_the_first_missing_thing(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    without = [word for word in arguments if word != "--download"]
    assert main(without) == 1
    assert "Inception" in capsys.readouterr().err
    (tmp_path / "cifar10-32x32.npz").unlink()
    assert main(arguments) == 1
    assert "cifar10-32x32.npz" in capsys.readouterr().err


def test_it_ends_with_the_block(arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = blocks.real

    def small(name: Any, options: Options) -> blocks.Block:
        block = real(name, options)
        settings: dict[str, Any] = {"source": block.settings["source"], "steps": 2, "batch": 4, "samples": 12}
        settings |= {"sampler_steps": 2, "features": ("pixels",), "resolution": 16}
        return blocks.Block(block.data, block.title, (10,), (0.4,), 0.4, (0,), settings)

    monkeypatch.setattr(blocks, "real", small)
    monkeypatch.setattr(making, "Run", lambda **settings: Run(**{**settings, "device": "cpu"}))
    monkeypatch.setattr(making, "_hardware", lambda device: "a stand-in")
    assert main(arguments) == 0
    made = results.read(results.folder_of(tmp_path / "out", "p2-table1", "gpu"))
    assert made is not None
    assert [row[0] for row in made.finding.tables[0].rows] == ["N = 10, DDPM", "N = 10, ours (σ_n = 0.4)"]
    assert [table.title for table in made.finding.tables[1:]] == ["CIFAR-10, the paper's figures: DINOv2 ViT-g/14"]
