"""The commands for people's own images, one after the other on one small folder."""

from __future__ import annotations

import importlib
import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
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
        assert call(patch, "example", folder, "--images", 40, "--sigma-nature", 0.4) == 0
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
    """The samples of the run are the files themselves about their mean, but for what 8 bits had clipped."""
    from ambient.commands.reading import read
    from ambient.commands.source import Source
    from ambient.models.unclipping import unclipped

    pixels = read(Source(str(noisy))).pixels
    files = [np.asarray(Image.open(path)) for path in sorted(noisy.iterdir())]
    np.testing.assert_allclose((pixels[:, 0].numpy() + 1) * 127.5, np.stack(files), atol=1e-4)
    levels = torch.full((len(pixels),), 0.4, dtype=torch.float64)
    trained_on, _ = unclipped(pixels, levels, 8, 0)
    between = pixels.abs() < 1
    assert torch.equal(trained_on[between], pixels[between])  # only what the files had clipped is drawn anew
    torch.testing.assert_close(ambient.load(model).centre, trained_on.mean(0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "SOURCE", "--output", "OUT"), "say how noisy the files are"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--noise-column", "n"), "say how noisy"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "loud"), "loud"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "-1"), "at least 0"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "poisson"), "write poisson:GAIN"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "poisson:0"), "the gain"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--crop", "2"), "--crop 2: at least 4"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--crop", "9"), "--crop 9: 40 of 40 images"),
        (("train", "SOURCE", "--output", "OUT", "--noise", "0.4", "--crop", "5"), "multiple of 2, not 5"),
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
        (("sample", "MODEL", "--output", "OUT", "--stop", "100"), "--stop 100: below 80"),
        (("sample", "MODEL", "--output", "SOURCE"), "something else there already"),
        (("sample", "MODEL", "--output", "FILE"), "is a file"),
        (("restore", "MODEL", "SOURCE", "--output", "SOURCE"), "something else there already"),
        (("train", "SOURCE", "--output", "SOURCE", "--noise", "0.4"), "something else there already"),
        (("export", "MODEL", "--output", "FILE"), "is a file"),
        (("restore", "MODEL", "SOURCE", "--output", "OUT", "--noise", "3"), "whole range"),
        (("restore", "MODEL", "NOWHERE", "--output", "OUT"), "NOWHERE"),
        (("restore", "MODEL", "SOURCE", "--output", "OUT", "--samples", "1"), "at least 2"),
        (("restore", "MODEL", "SOURCE", "--output", "OUT", "--overlap", "8"), "overlap"),
        (("restore", "MODEL", "SOURCE", "--output", "OUT", "--channels", "rgb"), "1 channel"),
        (("export", "MODEL", "--output", "SOURCE"), "something else there already"),
        (("export", "MODEL", "--output", "OUT", "--push", "name"), "owner/name"),
        (("example", "SOURCE"), "something else there already"),
        (("example", "OUT", "--images", "2000"), "--images 2000"),
        (("example", "OUT", "--sigma-nature", "-0.1"), "--sigma-nature -0.1"),
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
    places["FILE"] = next(noisy.iterdir())
    assert call(monkeypatch, *(places.get(argument, argument) for argument in arguments)) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "fault of ours" not in lines[0]


@pytest.fixture(scope="module")
def classes(noisy: Path) -> Path:
    """Sixteen of the noisy digits in two folders, `cats` and `dogs`."""
    folder = noisy.parent / "classes"
    for i, path in enumerate(sorted(noisy.iterdir())[:16]):
        (folder / ("cats", "dogs")[i % 2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / ("cats", "dogs")[i % 2] / path.name)
    return folder


@pytest.fixture(scope="module")
def conditional(classes: Path) -> Path:
    """A model of them that knows the classes."""
    output = classes.parent / "conditional"
    with pytest.MonkeyPatch.context() as patch:
        assert call(patch, *TRAIN, classes, "--output", output, "--classes") == 0
    return output


def restored(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.load(path) for path in (folder / "mean").iterdir()}


def test_a_model_with_classes_restores_by_those_of_the_source_or_by_one_for_all(
    monkeypatch: pytest.MonkeyPatch, classes: Path, conditional: Path, tmp_path: Path
) -> None:
    network = ambient.load(conditional)
    weights = network.denoiser.network.given.classes.weight
    torch.nn.init.normal_(weights, std=20.0, generator=torch.Generator().manual_seed(0))  # so that classes matter
    network.save_pretrained(tmp_path / "model")
    common = ("restore", tmp_path / "model", classes, "--format", "npy", "--output")
    assert call(monkeypatch, *common, tmp_path / "own") == 0
    for name in ("cats", "dogs"):
        assert call(monkeypatch, *common, tmp_path / name, "--label", name) == 0
    own, cats, dogs = (restored(tmp_path / name) for name in ("own", "cats", "dogs"))
    assert len(own) == 16
    for name in own:
        same, other = (cats, dogs) if name.startswith("cats") else (dogs, cats)
        np.testing.assert_allclose(own[name], same[name], atol=1e-5)
        assert abs(own[name] - other[name]).max() > 1e-3


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("noisy", (), "has classes (cats, dogs) and needs that of each image; SOURCE has none: give all images one"),
        ("classes", ("--label", "bird"), "--label bird: the model knows no such class; it has cats, dogs"),
        ("numbers", ("--range", "-1", "1"), "numbers have no classes; give all images one by --label"),
        ("strangers", (), "has classes that the model does not know (birds); it knows cats, dogs"),
        ("nowhere", (), "nowhere"),
        ("small", ("--label", "cats"), "small.png: images of 4x4 are smaller than the model's 8x8"),
    ],
)
def test_misuses_of_classes_and_sizes_write_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    noisy: Path,
    classes: Path,
    conditional: Path,
    tmp_path: Path,
    source: str,
    options: tuple[str, ...],
    message: str,
) -> None:
    places = {"noisy": noisy, "classes": classes, "numbers": tmp_path / "numbers.npy"}
    np.save(tmp_path / "numbers.npy", np.zeros((3, 8, 8), np.float32))
    shutil.copytree(classes / "cats", tmp_path / "strangers" / "birds")
    (tmp_path / "small").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "small" / "small.png")
    place = places.get(source, tmp_path / source)
    assert call(monkeypatch, "restore", conditional, place, "--output", tmp_path / "out", *options) == 1
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("error:"))
    assert message.replace("SOURCE", str(place)) in line
    assert not (tmp_path / "out").exists()


def test_images_of_any_sizes_are_restored_together(
    monkeypatch: pytest.MonkeyPatch, model: Path, tmp_path: Path
) -> None:
    sizes = {"a": (8, 8), "b": (20, 11), "c": (8, 8)}
    (tmp_path / "sizes").mkdir()
    for name, size in sizes.items():
        Image.effect_noise(size, 60).save(tmp_path / "sizes" / f"{name}.png")
    arguments = ("restore", model, tmp_path / "sizes", "--output", tmp_path / "out", "--samples", 2)
    assert call(monkeypatch, *arguments) == 0
    for name, size in sizes.items():
        for kind in ("mean", "sample-1", "std"):
            assert Image.open(tmp_path / "out" / kind / f"{name}.png").size == size
    assert call(monkeypatch, *arguments) == 0


def test_larger_images_of_any_sizes_are_trained_on_in_pieces_and_restored_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source, output = tmp_path / "larger", tmp_path / "run"
    source.mkdir()
    for i in range(6):
        Image.effect_noise((20 + i % 2, 13), 60).save(source / f"{i}.png")
    train = (*TRAIN, source, "--output", output, "--steps", 2)
    assert call(monkeypatch, *train) == 1
    assert "3 images are of another size" in (error := capsys.readouterr().err)
    assert "--crop SIDE" in error
    assert call(monkeypatch, *train, "--crop", 16) == 1
    assert "--crop 16: 6 of 6 images" in capsys.readouterr().err
    assert not output.exists()
    assert call(monkeypatch, *train, "--crop", 8) == 0
    assert "6 images of 2 sizes from 13x20 to 13x21, 1 channel(s), in pieces of 8x8" in capsys.readouterr().out
    assert call(monkeypatch, "restore", output, source, "--output", tmp_path / "restored") == 0
    assert Image.open(tmp_path / "restored" / "mean" / "1.png").size == (21, 13)


def test_images_that_are_not_square_are_told_of_pieces(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((4, 8, 16), np.float32))
    arguments = (*TRAIN, tmp_path / "wide.npy", "--range", "-1", "1", "--output", tmp_path / "run")
    assert call(monkeypatch, *arguments) == 1
    assert "16 wide and 8 high, and a model's are square" in (error := capsys.readouterr().err)
    assert "--crop SIDE" in error


def test_photons_noise_is_trained_on_sampled_and_restored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], noisy: Path, model: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert call(monkeypatch, *TRAIN, noisy, "--output", run, "--noise", "poisson:0.1:0.3", "--steps", 2) == 0
    assert "noise poisson:0.1:0.3; method recommended" in capsys.readouterr().out
    assert call(monkeypatch, "sample", run, "--output", tmp_path / "samples", "--samples", 2) == 0
    for noise in ((), ("--noise", "poisson:0.1:0.3")):
        restore = ("restore", run, noisy, "--output", tmp_path / "restored", "--samples", 2, *noise)
        assert call(monkeypatch, *restore) == 0
        assert "noise: poisson:0.1:0.3, that of the images" in capsys.readouterr().out
    for trained, noise, message in (
        (run, "0.3", "for images with the noise poisson:0.1:0.3 and no other"),
        (run, "poisson:0.2", "and no other"),
        (model, "poisson:0.1", "this model is for Gaussian noise"),
        (model, "poisson:0", "the gain"),
    ):
        arguments = ("restore", trained, noisy, "--output", tmp_path / "other", "--noise", noise)
        assert call(monkeypatch, *arguments) == 1
        assert message in capsys.readouterr().err
    assert call(monkeypatch, "export", run, "--output", tmp_path / "exported") == 1
    assert "for Poisson noise" in capsys.readouterr().err
    assert call(monkeypatch, "export", run, "--to", "folder", "--output", tmp_path / "exported") == 0


def test_what_clipping_cut_off_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], noisy: Path, model: Path, tmp_path: Path
) -> None:
    """Digits on black, with noise of .4 in 8-bit files: much of it is cut off, counted in training and restoring."""
    pixels = np.stack([np.asarray(Image.open(path)) for path in sorted(noisy.glob("*.png"))])
    share = f"{((pixels == 0) | (pixels == 255)).mean():.1%} of the"
    assert call(monkeypatch, *TRAIN, noisy, "--output", model) == 0
    assert f"clipping: {share} noisy pixels" in capsys.readouterr().out
    assert call(monkeypatch, "restore", model, noisy, "--output", tmp_path / "restored") == 0
    assert f"clipping: {share} pixels" in capsys.readouterr().out
