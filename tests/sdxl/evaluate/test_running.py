"""Evaluation on the tiny pipeline, against the same figures by other ways."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from rich.console import Console
from sklearn.metrics.pairwise import cosine_similarity

from ambient.data.images import to_unit
from ambient.metrics.features import Pixels
from ambient.metrics.quality import frechet_distance
from ambient.runs.identity import ConfigMismatchError
from sdxl import evaluate
from sdxl.evaluate.options import EvaluateOptions
from sdxl.evaluate.report import write_evaluation
from sdxl.evaluate.running import run_evaluation
from sdxl.features import SmallPixels, clip_score
from sdxl.images import choose, load_images
from sdxl.options import FeatureOptions, Sampler
from sdxl.pictures import name_of
from sdxl.source import Source
from tests.sdxl.conftest import make_lora, on_cpu


def test_generations_are_judged_as_elsewhere(few: Path, xl: Path, vision: Path, tmp_path: Path) -> None:
    """Fréchet distance, similarities and CLIP scores from the PNG files; a rerun goes on and gives the same."""
    run = make_lora(xl, tmp_path / "run")
    clip = str(vision / "clip")
    options = EvaluateOptions(
        Source(str(few)), on_cpu(xl, tmp_path / "out"), ("base", str(run)), levels=(500,), restore=3, samples=6,
        sampler=Sampler(steps=2), features=FeatureOptions("pixels"), clip=clip,
    )  # fmt: skip
    evaluation = run_evaluation(options, Accelerator(cpu=True))
    write_evaluation(evaluation, Console(quiet=True))
    originals, _ = load_images(choose(options.source, None, 0), 32)
    captions = [pair.caption for pair in choose(options.source, None, 0)]
    assert evaluation.names["distance"] == "Fréchet distance on pixels at 8x8"
    for name in ("base", "run"):
        arrays = [np.asarray(Image.open(tmp_path / "out" / "images" / name / name_of(i))) for i in range(6)]
        images = to_unit(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2))
        result = evaluation.results[name]
        nearest = cosine_similarity(Pixels()(images).double(), Pixels()(originals).double()).max(1)
        assert result["similarity"] == pytest.approx(nearest.mean(), abs=1e-6)
        assert result["similarity_95"] == pytest.approx(np.quantile(nearest, 0.95), abs=1e-6)
        distance = frechet_distance(SmallPixels()(images).double(), SmallPixels()(originals).double())
        assert result["distance"] == pytest.approx(distance, rel=1e-4)
        scores = clip_score(clip)(images, [captions[i % 5] for i in range(6)])
        assert result["clip"] == pytest.approx(float(scores.mean()), abs=1e-5)
    assert evaluation.results["base"]["restoration"] != evaluation.results["run"]["restoration"]
    table = (tmp_path / "out" / "table.md").read_text()
    assert "| 500 | base |" in table
    assert "| checkpoint | FD | Sim | 95 % |" in table
    assert "FID" not in table
    (tmp_path / "out" / "images" / "run" / name_of(3)).unlink()
    shutil.rmtree(tmp_path / "out" / "audits" / "run")
    (tmp_path / "out" / "restoration" / "run.json").unlink()
    again = run_evaluation(options, Accelerator(cpu=True))
    assert json.dumps(again.results) == json.dumps(evaluation.results)


def test_more_of_everything_keeps_what_is_there(few: Path, xl: Path, tmp_path: Path) -> None:
    """More samples, more restored images, one more checkpoint, and other spellings of the same folders."""
    model = Path(shutil.copytree(xl, tmp_path / "model"))
    run = make_lora(xl, tmp_path / "run")
    options = EvaluateOptions(
        Source(str(few)), on_cpu(model, tmp_path / "out"), levels=(500,), restore=2, samples=4,
        sampler=Sampler(steps=2), features=FeatureOptions("pixels"), clip="none",
    )  # fmt: skip
    run_evaluation(options, Accelerator(cpu=True))
    images = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images").rglob("*.png")}
    model.rename(tmp_path / "moved")
    more = replace(
        options, run=on_cpu(tmp_path / "run" / ".." / "moved", tmp_path / "out"), checkpoints=("base", str(run)),
        restore=3, samples=6,
    )  # fmt: skip
    grown = run_evaluation(more, Accelerator(cpu=True))
    assert images == {path: path.stat().st_mtime_ns for path in images}
    whole = run_evaluation(replace(more, run=on_cpu(tmp_path / "moved", tmp_path / "whole")), Accelerator(cpu=True))
    assert json.dumps(grown.results) == json.dumps(whole.results)
    make_lora(xl, run, 0.1)
    with pytest.raises(ConfigMismatchError, match="holds another configuration: checkpoint is"):
        run_evaluation(more, Accelerator(cpu=True))


def _damage(path: Path) -> None:
    """Cut a file off; of JSON, change a digit."""
    content = path.read_bytes()
    damaged = content.replace(b"0.", b"1.", 1) if path.suffix == ".json" else content[:-20]
    assert damaged != content
    path.write_bytes(damaged)


def test_damaged_results_are_made_again_and_said(few: Path, xl: Path, tmp_path: Path) -> None:
    options = EvaluateOptions(
        Source(str(few)), on_cpu(xl, tmp_path / "out"), levels=(500,), restore=2, samples=3,
        sampler=Sampler(steps=2), features=FeatureOptions("pixels"), clip="none",
    )  # fmt: skip
    whole = run_evaluation(options, Accelerator(cpu=True))
    for name in (
        "restoration/base.json",
        "images/base/00000/00000001.png",
        "audits/base/00000000-00000003.safetensors",
    ):
        path = tmp_path / "out" / name
        _damage(path)
        with pytest.warns(UserWarning, match=f"{path} is damaged.*; it is made again"):
            again = run_evaluation(options, Accelerator(cpu=True))
        assert json.dumps(again.results) == json.dumps(whole.results)


def test_misuses_end_in_one_clear_line(
    few: Path, xl: Path, inpainting: Path, vision: Path, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    clip = vision / "clip"
    fake = tmp_path / "inception.pt"
    fake.write_bytes(b"no network")
    cases = {
        f"{few} --model {xl} --restore 9 --samples 0": "--restore 9:",
        f"{few} --model {xl} --samples 1": "--samples 1: at least 2",
        f"{few} --model {xl} --samples 0 --restore 0": "nothing to evaluate",
        f"{few} --model {xl} --samples 0 --restore 2 --levels 0": "--levels 0: this model has the steps 1 to 999",
        f"{few} --model {xl} --restore 2 --features pixels --inception {fake}": "has the SHA-256",
        f"{few} --model {xl} --restore 2 --features pixels --inception {tmp_path / 'no'}": "cannot read",
        f"{few} --model {xl} --restore 2 --features pixels --clip {tmp_path / 'no'}": "cannot load",
        f"{few} --model {inpainting} --restore 2 --samples 0": "give a text-to-image model",
        f"{few} --model {xl} --checkpoints {few} --restore 2 --samples 0": "no pytorch_lora_weights.safetensors there",
        f"{few} --model {xl} --restore 2 --features pixels --clip {clip} --prompts {fake}.txt": "cannot be read",
        f"{tmp_path / 'no'} --model {xl}": "cannot read",
    }
    for i, (command, message) in enumerate(cases.items()):
        place = ["--device", "cpu", "--output", str(tmp_path / f"out{i}")]
        monkeypatch.setattr("sys.argv", ["evaluate", *command.split(), *place])
        assert evaluate.main() == 1, command
        lines = [line for line in capsys.readouterr().err.strip().splitlines() if line.startswith("error:")]
        assert len(lines) == 1, command
        assert message in lines[0], (command, lines)
