from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ambient.commands.audit import main
from tests.ambient.audit.make import digits, planted, write_folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    images, root = digits(), tmp_path_factory.mktemp("audit")
    sets = {
        "samples": planted(images[:100], images[200:260], 0.5, "exact"),
        "training": images[:100],
        "held-out": images[300:400],
        "few": images[400:405],
        "large": torch.nn.functional.interpolate(images[500:520], scale_factor=2),
        "colour": images[500:520].expand(-1, 3, -1, -1),
    }
    return {name: str(write_folder(root / name, some)) for name, some in sets.items()}


def test_it_writes_prints_and_says_where(
    folders: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    arguments = [folders["samples"], "--training", folders["training"], "--held-out", folders["held-out"]]
    assert main([*arguments, "--output", str(output), "--threshold", "0.8", "0.99"]) == 0
    printed = capsys.readouterr().out
    assert printed.strip().splitlines()[-1].endswith(f"are in {output}")
    assert "30 of 60 samples look like copies" in " ".join(printed.split())
    record = json.loads((output / "audit.json").read_text())
    assert [m["name"] for m in record["measures"]] == ["S > 0.8", "S > 0.99", "m13", "P_tr", "AuthPct", "C_T"]
    assert record["copies"]["low"] <= 0.5 <= record["copies"]["high"]
    assert record["flagged"][0]["sample"].startswith("image")
    assert (output / "audit.html").exists()
    assert (output / "nearest.png").exists()


MISUSES = {
    "same folder": (["SAMPLES", "--training", "SAMPLES"], "every sample would be its own copy"),
    "held-out is training": (
        ["SAMPLES", "--training", "TRAINING", "--held-out", "TRAINING"],
        "held-out images must be others",
    ),
    "few": (["FEW", "--training", "TRAINING"], "samples: an audit needs at least 10 images"),
    "sizes": (["LARGE", "--training", "TRAINING"], "the samples are 16x16 and the training images 8x8 pixels"),
    "colour": (["COLOUR", "--training", "TRAINING"], "the samples are colour and the training images grey"),
    "no such folder": (["/no/such/folder", "--training", "TRAINING"], "/no/such/folder"),
    "confidence": (["SAMPLES", "--training", "TRAINING", "--confidence", "95"], "--confidence 95: choose between"),
    "pairs": (["SAMPLES", "--training", "TRAINING", "--pairs", "0"], "--pairs 0: choose between"),
    "threshold": (["SAMPLES", "--training", "TRAINING", "--threshold", "95"], "--threshold 95: a similarity lies"),
    "weights": (["SAMPLES", "--training", "TRAINING", "--weights", "w"], "pixels need neither"),
    "no weights": (
        ["SAMPLES", "--training", "TRAINING", "--features", "clip", "--weights", "/no/clip"],
        "cannot load /no/clip",
    ),
    "resolution": (["SAMPLES", "--training", "TRAINING", "--resolution", "64"], "smaller than 64x64"),
    "seed": (["SAMPLES", "--training", "TRAINING", "--seed", "-1"], "--seed -1: choose"),
    "output": (["SAMPLES", "--training", "TRAINING", "--output", __file__], "is a file: give a folder"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_is_answered_in_one_line(
    misuse: str, folders: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = MISUSES[misuse]
    given = [folders.get(word.lower(), word) for word in arguments]
    if "--output" not in given:
        given += ["--output", str(tmp_path)]
    assert main(given) == 1
    said = capsys.readouterr().err.strip()
    assert message in said
    assert said.startswith("error:")
    assert len(said.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_options_are_parsed_before_anything_heavy_is_imported() -> None:
    heavy = ("torch", "numpy", "scipy", "sklearn", "matplotlib", "transformers", "jinja2", "PIL")
    code = f"""
import sys
from ambient.commands.audit import AuditOptions
AuditOptions("a", "b").check()
print([name for name in {heavy} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
