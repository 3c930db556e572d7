from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ambient.commands.levels import levels_of
from ambient.commands.reading import Images, read
from ambient.commands.source import Source
from ambient.runs.pictures import save_png
from tests.ambient.models.small import digits, noisy_digits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, image in enumerate(digits(4)):
        save_png(tmp_path / "set" / f"{i}.png", image)
    return tmp_path / "set"


def test_a_told_level_is_that_of_all(folder: Path) -> None:
    images = read(Source(str(folder)))
    assert levels_of(images, "8bit:25", None).tolist() == [50 / 255] * 4


def test_a_column_holds_each_images_level(folder: Path) -> None:
    levels = [0.1, "8bit:25", 0, 0.3]
    rows = [{"file_name": f"{i}.png", "sigma": level} for i, level in enumerate(levels)]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)))
    images = read(Source(str(folder)))
    assert levels_of(images, None, "sigma").tolist() == [0.1, 50 / 255, 0.0, 0.3]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (None, "has no metadata.jsonl"),
        ([{"file_name": "0.png", "sigma": 0.1}], r"3 of 4 images are in no row of metadata\.jsonl, such as 1\.png"),
        ([{"file_name": "0.png", "noise": 0.1}], "has no such field, but file_name, noise"),
        ([{"file_name": "0.png", "sigma": "loud"}], "line 1: noise level 'loud'"),
        ([{"file_name": "0.png", "sigma": None}], "line 1: noise level 'None'"),
    ],
)
def test_a_column_that_does_not_say_is_refused(
    folder: Path, rows: list[dict[str, object]] | None, message: str
) -> None:
    if rows is not None:
        (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    images = read(Source(str(folder)))
    with pytest.raises(ValueError, match=message):
        levels_of(images, None, "sigma")


def test_an_estimate_is_used_where_it_is_known_and_refused_where_not(capsys: pytest.CaptureFixture[str]) -> None:
    generator = torch.Generator().manual_seed(0)
    smooth = torch.linspace(-0.5, 0.5, 32).expand(40, 1, 32, 32)
    noisy = smooth + 0.2 * torch.randn(40, 1, 32, 32, generator=generator)
    names = tuple(str(i) for i in range(40))
    found = levels_of(Images("here", noisy, names, "numbers"), "estimate", None)
    assert float(found.mean()) == pytest.approx(0.2, rel=0.1)
    assert "estimate:" in capsys.readouterr().out
    few = Images("here", noisy_digits(40, 0.02), names, "numbers")
    with pytest.raises(ValueError, match="do not tell their noise level"):
        levels_of(few, "estimate", None)


def test_numbers_need_a_range_and_have_no_classes(tmp_path: Path) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, noisy_digits(3)[:, 0].numpy())
    with pytest.raises(ValueError, match="range"):
        read(Source(str(path)))
    images = read(Source(str(path), range=(-1.0, 1.0)))
    np.testing.assert_allclose(images.pixels.numpy(), noisy_digits(3).numpy())
    with pytest.raises(ValueError, match="no classes"):
        read(Source(str(path), range=(-1.0, 1.0)), labels=True)


def test_images_have_a_range_of_their_own(folder: Path) -> None:
    with pytest.raises(ValueError, match="leave out --range"):
        read(Source(str(folder), range=(0.0, 1.0)))
