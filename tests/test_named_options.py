"""An error about data names only options that the command has."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import toy.run
from ambient.data.images.options import CaptionOptions, ImageOptions
from ambient.models import Model
from ambient.runs import console
from sdxl.tiny import TinyOptions
from sdxl.tiny.pipeline import write_tiny
from toy.options import ToyOptions

OPTIONS = {field.name for kind in (ImageOptions, CaptionOptions) for field in dataclasses.fields(kind)}
NAMED = re.compile(r"--[a-z][a-z-]+|[a-z]+_[a-z_]+|(?:(?<=set )|(?<=raise )|(?<=with )|(?<=[(]))[a-z]+")
"""Options as errors name them: as on a command line, as in Python, or as a word behind a verb or in brackets."""


def _picture(path: Path, side: int = 48, mode: str = "RGB") -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.full((side, side, 3), 99, dtype=np.uint8)).convert(mode).save(path)


def _huge(folder: Path) -> None:
    _picture(folder / "a.png")
    Image.new("1", (9400, 9400)).save(folder / "b.png")


def _large(folder: Path) -> None:
    _picture(folder / "a.png")
    with open(folder / "b.png", "wb") as file:
        file.truncate((1 << 28) + 1)


def _link(folder: Path) -> None:
    _picture(folder / "a.png")
    _picture(folder.parent / "elsewhere.png")
    (folder / "b.png").symlink_to(folder.parent / "elsewhere.png")


def _sixteen(folder: Path) -> None:
    _picture(folder / "a.png")
    Image.fromarray(np.full((48, 48), 4000, dtype=np.uint16)).save(folder / "b.png")


def _sizes(folder: Path) -> None:
    _picture(folder / "a.png")
    _picture(folder / "b.png", 64)


def _kinds(folder: Path) -> None:
    _picture(folder / "a.png")
    _picture(folder / "b.png", mode="L")


def _damaged(folder: Path) -> None:
    _picture(folder / "a.png")
    (folder / "b.png").write_bytes(b"no picture")


def _without_captions(folder: Path) -> None:
    _picture(folder / "a.png")


BAD: dict[str, Callable[[Path], None]] = {
    "a huge image": _huge,
    "a large file": _large,
    "a link out of the set": _link,
    "16 bits": _sixteen,
    "sizes": _sizes,
    "grey and colour": _kinds,
    "damaged": _damaged,
    "without captions": _without_captions,
}

COMMANDS = {
    "toy": ("toy.run", "--data images --source {data} --images 8 --output {out}"),
    "ambient train": ("ambient", "train {data} --noise 0.1 --output {out}"),
    "ambient restore": ("ambient", "restore {model} {data} --output {out}"),
    "ambient estimate": ("ambient", "estimate {data}"),
    "ambient audit": ("ambient", "audit {data} --training {other} --output {out}"),
    "ambient.data.images": ("ambient.data.images", "{data}"),
    "ambient.data.images, captions": ("ambient.data.images", "{data} --with-captions"),
    "sdxl.latents": ("sdxl.latents", "{data} --model {tiny} --nature 500 --device cpu --output {out}"),
    "sdxl.attack": ("sdxl.attack", "noise {data} --model {tiny} --features pixels --device cpu --output {out}"),
    "sdxl.evaluate": (
        "sdxl.evaluate",
        "{data} --model {tiny} --features pixels --clip none --samples 0 --restore 2 --levels 500 --device cpu "
        "--output {out}",
    ),
}
"""Commands that read images, and how they are given them."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny(TinyOptions(folder / "tiny", resolution=32))
    Model("small", 3, 16).save_pretrained(folder / "model")
    return folder


def _run(module: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints that ends before its work or is asked for help."""
    monkeypatch.setattr(sys, "argv", [module, *line.split()])
    try:
        if module == "toy.run":
            status = console.run(ToyOptions, toy.run.work, prog="toy")
        else:
            name = module if module.startswith("sdxl") else f"{module}.__main__"
            status = importlib.import_module(name).main()
    except SystemExit as ended:
        status = ended.code
    out, err = capsys.readouterr()
    return f"{out} {err}" if status == 0 else err


@pytest.mark.parametrize("command", COMMANDS)
def test_errors_about_data_name_only_options_that_there_are(
    command: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    module, line = COMMANDS[command]
    first = line.split()[0] if module == "ambient" or module == "sdxl.attack" else ""
    known = _run(module, f"{first} --help", monkeypatch, capsys)
    assert "--output" in known or "--write" in known or "estimate" in line
    found = set[str]()
    for number, (kind, build) in enumerate(BAD.items()):
        data = tmp_path / f"{number}" / "d"
        build(data)
        if kind != "without captions":
            rows = [f'{{"file_name": "{path.name}", "text": "a"}}\n' for path in sorted(data.iterdir())]
            (data / "metadata.jsonl").write_text("".join(rows))
        places = {"data": data, "other": models, "out": tmp_path / f"out{number}"}
        places |= {"tiny": models / "tiny", "model": models / "model"}
        said = _run(module, line.format(**places), monkeypatch, capsys)
        for word in NAMED.findall(said.replace(str(tmp_path), "").replace(str(models), "")):
            if word.startswith("--") or word in OPTIONS:
                option = "--" + word.removeprefix("--").replace("_", "-")
                assert re.search(rf"{option}\b", known), f"{kind}: {word}, in: {said}"
                found.add(option)
    assert found
