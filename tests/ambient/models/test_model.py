from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import ambient
from ambient import karras
from ambient.models import Model, ModelFolderError
from ambient.process import VE, VP, Level
from tests.ambient.models.small import SIGMA, noisy_digits, trained


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "run"
    trained(folder)
    return folder


@pytest.mark.slow
def test_another_process_and_folder_draw_the_same_samples_bit_for_bit(run: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    (run / "model").rename(moved)
    try:
        script = (
            "import sys, torch, ambient\n"
            "torch.set_num_threads(1)\n"
            "torch.set_default_dtype(torch.float64)\n"
            "model = ambient.load(sys.argv[1])\n"
            "torch.save(next(model.sample(4, seed=7)), sys.argv[2])\n"
        )
        path = tmp_path / "there.pt"
        subprocess.run([sys.executable, "-c", script, str(moved), str(path)], check=True, cwd=tmp_path)
        torch.testing.assert_close(
            torch.load(path), next(ambient.load(moved).sample(4, seed=7)), rtol=0, atol=0, check_dtype=True
        )
    finally:
        moved.rename(run / "model")


def test_it_is_the_centred_denoiser_at_the_same_level_of_any_process(run: Path) -> None:
    model = ambient.load(run).double()
    x = noisy_digits(5).double()
    y = (x - model.centre, VE().level(0.7))
    for process in (VE(), VP()):
        level = process.level(process.time(Level(1.0, 0.7)))
        there = model(level.alpha * x, level)
        torch.testing.assert_close(there, model.centre + model.denoiser(*y), rtol=1e-9, atol=1e-9)


def test_a_sample_depends_on_its_index_alone(run: Path) -> None:
    model = ambient.load(run)
    whole = torch.cat(list(model.sample(5, batch=5, seed=1)))
    parts = torch.cat([*model.sample(2, seed=1), *model.sample(3, start=2, seed=1, batch=2)])
    torch.testing.assert_close(whole, parts, rtol=0, atol=1e-5)


def test_sampling_stops_where_the_method_says(run: Path) -> None:
    model = ambient.load(run)
    assert model.stop == SIGMA / 2
    sigmas = karras.truncate(karras.karras_sigmas(18, model.sigma_min, model.sigma_max), model.stop)
    assert float(sigmas[-1]) == model.stop
    assert not torch.equal(next(model.sample(2)), next(model.sample(2, stop=0.0)))


def test_the_card_says_what_a_person_needs(run: Path) -> None:
    card = (run / "model" / "README.md").read_text(encoding="utf-8")
    for words in ("noisy images of level 0.4", "51 grey levels of 255", "training images: 200", "recommended"):
        assert words in card


def test_a_later_format_is_refused(run: Path, tmp_path: Path) -> None:
    ambient.load(run).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"format": 99}))
    with pytest.raises(ValueError, match=r"format 99.*update"):
        ambient.load(tmp_path)


def test_weights_of_another_network_are_named(run: Path, tmp_path: Path) -> None:
    model = ambient.load(run)
    model.save_pretrained(tmp_path)
    other = Model("small", 1, 16)
    other.save_pretrained(tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").replace(tmp_path / "model.safetensors")
    with pytest.raises((ValueError, RuntimeError), match=r"another network|size mismatch"):
        ambient.load(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "holds no model"),
        (("model.safetensors",), "older run"),
        (("training/checkpoint.safetensors",), "not finished"),
        (("model_index.json",), "diffusers pipeline"),
        (("cells/a/model/config.json", "cells/b/model/config.json"), r"holds 2 models: .* such as .*a$"),
        (("cells/a/model.safetensors", "cells/a/checkpoint.safetensors"), "1 runs without models.*command again"),
    ],
)
def test_a_folder_without_a_model_is_named_with_what_to_do(
    tmp_path: Path, files: tuple[str, ...], message: str
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(ModelFolderError, match=message):
        ambient.load(tmp_path)


def test_no_network_is_used_unless_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelFolderError, match="--download"):
        ambient.load("nobody/nothing", cache_dir=tmp_path)


@pytest.mark.parametrize(("labels", "message"), [([0], "no classes")])
def test_labels_that_do_not_fit(run: Path, labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next(ambient.load(run).sample(1, labels=labels))


def test_a_damaged_config_is_named(tmp_path: Path) -> None:
    Model("small", 1, 8).save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(path.read_text()[:60])
    with pytest.raises(OSError, match=r"config\.json is damaged"):
        ambient.load(tmp_path)


def test_a_folder_with_a_config_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a save is stopped by: the configuration is written last, and the card anew with every save."""
    folder = tmp_path / "model"
    Model("small", 1, 8, facts={"updates": "1"}).save_pretrained(folder)
    written: list[str] = []

    def replace(source: Path, target: Path) -> None:
        written.append(Path(target).name)
        if "config.json" in written:
            raise KeyboardInterrupt
        rename(source, target)

    rename = os.replace
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        Model("small", 1, 8, facts={"updates": "2"}).save_pretrained(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.safetensors"]
    assert "updates: 2" in (folder / "README.md").read_text()
    assert written[-1] == "config.json"


def test_a_digit_that_changed_in_the_config_is_noticed(tmp_path: Path) -> None:
    Model("small", 1, 8, sigma_data=0.25).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace("0.25", "0.26"))
    with pytest.raises(OSError, match=r"config\.json is damaged: it is not the one that model.safetensors was saved"):
        ambient.load(tmp_path)


@pytest.mark.parametrize(("field", "value"), [("format", {}), ("side", "8"), ("channels", [1]), ("network", [])])
def test_a_config_of_other_types_is_named(tmp_path: Path, field: str, value: object) -> None:
    Model("small", 1, 8).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises((OSError, ValueError), match=r"config|network"):
        ambient.load(tmp_path)
