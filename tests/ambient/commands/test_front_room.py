"""The commands for people's own images, one after the other on one small folder."""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ambient
from ambient.__main__ import main


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run `python -m ambient` with these arguments in this process."""
    monkeypatch.setattr("sys.argv", ["ambient", *map(str, arguments)])
    return main()


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty noisy digits as files."""
    folder = tmp_path_factory.mktemp("front") / "noisy"
    with pytest.MonkeyPatch.context() as patch:
        assert call(patch, "example", folder, "--images", 40, "--sigma", 0.4) == 0
    return folder


@pytest.fixture(scope="module")
def model(noisy: Path) -> Path:
    """A run on them, of 20 updates."""
    output = noisy.parent / "run"
    with pytest.MonkeyPatch.context() as patch:
        assert call(patch, *TRAIN, noisy, "--output", output) == 0
    return output


TRAIN = ("train", "--noise", "0.4", "--steps", 20, "--batch", 16, "--grid-every", 10)


def test_train_writes_a_model_that_loads_and_grids_of_samples(model: Path) -> None:
    loaded = ambient.load(model)
    assert loaded.nature == 0.4
    assert loaded.method == "recommended"
    assert (model / "grids" / "step-0000010.png").is_file()
    assert (model / "samples.png").is_file()


def test_the_same_command_finds_the_run_finished(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], noisy: Path, model: Path
) -> None:
    before = (model / "model" / "model.safetensors").read_bytes()
    assert call(monkeypatch, *TRAIN, noisy, "--output", model) == 0
    assert (model / "model" / "model.safetensors").read_bytes() == before
    assert "40 images of 8x8, 1 channel(s); noise 0.4; method recommended" in capsys.readouterr().out


def test_more_samples_are_added_to_those_that_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path
) -> None:
    for count in (3, 5):
        assert call(monkeypatch, "sample", model, "--output", tmp_path / "some", "--samples", count) == 0
    assert "3 of 5 images are there already" in capsys.readouterr().out
    assert call(monkeypatch, "sample", model, "--output", tmp_path / "all", "--samples", 5) == 0
    names = sorted(path.name for path in (tmp_path / "all").glob("*.png"))
    assert names == [f"{i:06d}.png" for i in range(5)]
    for name in names:
        some, whole = (np.asarray(Image.open(tmp_path / kind / name)).astype(int) for kind in ("some", "all"))
        assert abs(some - whole).max() <= 1


def test_restore_writes_means_samples_and_their_spread(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], noisy: Path, model: Path, tmp_path: Path
) -> None:
    arguments = ("restore", model, noisy, "--output", tmp_path / "out", "--samples", 2, "--format", "npy")
    assert call(monkeypatch, *arguments) == 0
    assert "noise: 0.4, the level of the images that the model was trained on" in capsys.readouterr().out
    first = {path.name: np.load(path) for path in (tmp_path / "out" / "mean").iterdir()}
    assert len(first) == 40
    assert first["0007.npy"].shape == (1, 8, 8)
    draws = [np.load(tmp_path / "out" / f"sample-{k}" / "0007.npy") for k in (1, 2)]
    spread = np.load(tmp_path / "out" / "std" / "0007.npy")
    np.testing.assert_allclose(spread, 2 * abs(draws[0] - draws[1]) / 2**0.5 - 1, atol=1e-5)
    assert (tmp_path / "out" / "restored.png").is_file()


def test_without_arguments_the_commands_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch)
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    for name in ("estimate", "train", "sample", "restore", "audit", "export", "example"):
        assert f"• {name}" in printed


def test_the_console_script_is_this_command() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, name = project["scripts"]["ambient"].split(":")
    assert getattr(importlib.import_module(module), name) is main


def test_a_file_gives_options_and_the_command_line_wins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], noisy: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(
        f"source: {noisy}\nnoise: 0.4\noutput: {tmp_path / 'run'}\nsteps: 9\nbatch: 16\n"
    )
    assert call(monkeypatch, "train", "--config", tmp_path / "mine.yaml", "--steps", 2) == 0
    assert f"config {tmp_path / 'mine.yaml'}: source {noisy}, noise 0.4" in capsys.readouterr().out
    record = json.loads((tmp_path / "run" / "options.json").read_text())
    assert (record["steps"], record["batch"], record["noise"]) == (2, 16, "0.4")
    before = (tmp_path / "run" / "model" / "model.safetensors").read_bytes()
    assert call(monkeypatch, "train", "--config", tmp_path / "run" / "options.json") == 0
    assert (tmp_path / "run" / "model" / "model.safetensors").read_bytes() == before


def test_nothing_is_added_to_the_files(monkeypatch: pytest.MonkeyPatch, noisy: Path, model: Path) -> None:
    """The samples of the run are the files themselves about their mean."""
    import torch

    from ambient.commands.reading import read
    from ambient.commands.source import Source

    pixels = read(Source(str(noisy))).pixels
    files = [np.asarray(Image.open(path)) for path in sorted(noisy.iterdir())]
    np.testing.assert_allclose((pixels[:, 0].numpy() + 1) * 127.5, np.stack(files), atol=1e-4)
    torch.testing.assert_close(ambient.load(model).centre, pixels.mean(0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "SOURCE", "--output", "OUT"), "say how noisy the files are"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--noise-column", "n"), "say how noisy"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "loud"), "loud"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "-1"), "at least 0"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "25"), "8bit:25"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--batch", "20"), "multiple of 16"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--steps", "0"), "--steps 0"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--method", "dsm"), "for clean images"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0", "--method", "paper"), "needs noisy images"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--classes"), "no class"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--device", "gpu"), "--device gpu"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--dropout", "1"), "--dropout 1"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "1.9"), "too high"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--augment", "2"), "--augment 2"),
        (("train", "NOWHERE", "--output", "OUT", "--noise", "0.4"), "NOWHERE"),
        (("train", "SOURCE", "--output", "MODEL", "--noise", "0.3"), "another"),
        (("sample", "NOWHERE", "--output", "OUT"), "NOWHERE"),
        (("sample", "SOURCE", "--output", "OUT"), "no model"),
        (("sample", "MODEL", "--output", "OUT", "--samples", "0"), "--samples 0"),
        (("sample", "MODEL", "--output", "OUT", "--label", "cat"), "no classes"),
        (("sample", "MODEL", "--output", "OUT", "--stop", "-1"), "--stop -1"),
        (("restore", "MODEL", "NOWHERE", "--output", "OUT"), "NOWHERE"),
        (("restore", "MODEL", "SOURCE", "--output", "OUT", "--samples", "1"), "at least 2"),
        (("restore", "MODEL", "SOURCE", "--output", "OUT", "--overlap", "8"), "overlap"),
        (("restore", "MODEL", "SOURCE", "--output", "OUT", "--channels", "rgb"), "1 channel"),
        (("export", "MODEL", "--output", "SOURCE"), "something there already"),
        (("export", "MODEL", "--output", "OUT", "--push", "name"), "owner/name"),
        (("example", "SOURCE"), "something there already"),
        (("example", "OUT", "--images", "2000"), "--images 2000"),
        (("example", "OUT", "--sigma", "-0.1"), "--sigma -0.1"),
    ],
)
def test_a_misuse_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    noisy: Path,
    model: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    places = {"SOURCE": noisy, "MODEL": model, "OUT": tmp_path / "out", "NOWHERE": tmp_path / "NOWHERE"}
    assert call(monkeypatch, *(places.get(argument, argument) for argument in arguments)) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "fault of ours" not in lines[0]
