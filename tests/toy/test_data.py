from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from ambient.data.images import DataSetError
from tests.ambient.data.images.make import encode, folder, picture
from toy.data import Digits, load_data, read_subset, split_of
from toy.options import SourceOptions


def test_splits_are_disjoint_and_balanced() -> None:
    bunch = load_digits()
    pixels = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 8 - 1
    for seed in (0, 1):
        split = Digits().split(100, seed)
        assert torch.equal(split.train, pixels[split.index])
        assert split.labels is not None
        assert split.labels.tolist() == torch.tensor(bunch.target)[split.index].tolist()
        assert (split.labels.bincount() == 10).all()
        sizes = [len(x) for x in (split.train, split.unseen, split.held_out, split.classifier[0])]
        assert sizes == [100, 300, 897, 500]
        together = torch.cat([split.train, split.unseen, split.held_out, split.classifier[0]]).flatten(1)
        assert torch.equal(together.unique(dim=0), pixels.flatten(1).unique(dim=0))
    assert float(pixels.min()) == -1
    assert float(pixels.max()) == 1


def test_a_larger_training_set_contains_the_smaller_one() -> None:
    small, large = Digits().split(50, 3), Digits().split(400, 3)
    assert torch.equal(large.index[:50], small.index)
    assert len(large.unseen) == 0
    assert not torch.equal(Digits().split(50, 4).index, small.index)


@pytest.mark.parametrize("images", [1, 401])
def test_sizes_out_of_range_are_refused(images: int) -> None:
    with pytest.raises(ValueError, match="between 2 and 400"):
        Digits().split(images, 0)


def pictures(path: Path, per_class: int = 40, side: int = 8) -> Path:
    """A folder of three classes of distinct pictures."""
    files = {
        f"{name}/{i:03d}.png": encode(picture(1000 * c + i, side, side))
        for c, name in enumerate("abc")
        for i in range(per_class)
    }
    return folder(path, files)


def test_a_split_of_a_folder(tmp_path: Path) -> None:
    """Whatever is measured was not trained on, a larger N contains a smaller one, and what is held out stays."""
    source = SourceOptions("images", str(pictures(tmp_path / "set")), classes=True)
    small, large = split_of(source, 12, 0), split_of(source, 30, 0)
    assert small.train.shape == (12, 3, 8, 8)
    assert small.train.dtype == torch.float32
    assert small.labels is not None
    assert small.labels.bincount().tolist() == [4, 4, 4]
    assert small.classes == 3
    assert set(small.index.tolist()) < set(large.index.tolist())
    assert torch.equal(small.held_out, large.held_out)
    parts = [small.train, small.unseen, small.held_out, small.classifier[0]]
    together = torch.cat(parts).flatten(1)
    assert len(together) == len(together.unique(dim=0)) == 120
    assert small.classifier[1] is not None
    assert len(small.classifier[1]) == len(small.classifier[0])
    assert not torch.equal(split_of(source, 12, 1).index, small.index)


def test_greyscale_and_resolution_are_explicit(tmp_path: Path) -> None:
    path = str(pictures(tmp_path / "set"))
    assert split_of(SourceOptions("images", path, greyscale=True, resolution=4), 5, 0).train.shape == (5, 1, 4, 4)
    unlabelled = split_of(SourceOptions("images", path), 5, 0)
    assert unlabelled.labels is None
    assert unlabelled.classifier[1] is None


def test_too_few_images_are_named(tmp_path: Path) -> None:
    source = SourceOptions("images", str(pictures(tmp_path / "set", per_class=25)))
    with pytest.raises(ValueError, match=r"--images 76: .* has 2 to 75"):
        split_of(source, 76, 0)
    with pytest.raises(ValueError, match=r"--images 20: .* has 75 images, and 60 have to be left"):
        split_of(source, 20, 0)


def test_images_that_are_not_square_need_a_resolution(tmp_path: Path) -> None:
    files = {f"{i:03d}.png": encode(picture(i, 8, 12)) for i in range(80)}
    path = str(folder(tmp_path / "set", files))
    with pytest.raises(DataSetError, match="set --resolution"):
        split_of(SourceOptions("images", path), 10, 0)
    assert split_of(SourceOptions("images", path, resolution=8), 10, 0).train.shape == (10, 3, 8, 8)


def test_the_chosen_images_are_written_down(tmp_path: Path) -> None:
    source = SourceOptions("images", str(pictures(tmp_path / "set")), classes=True)
    path = tmp_path / "subsets" / "n12-seed0.json"
    data = load_data(source)
    index = data.split(12, 0).index
    data.write_subset(path, index, 0)
    record = json.loads(path.read_text())
    assert read_subset(path) == index.tolist()
    assert record["balanced"] is True
    assert record["names"][0].endswith(".png")
    for seed in (0, 1):
        path = tmp_path / f"digits-{seed}.json"
        Digits().write_subset(path, Digits().split(30, seed).index, seed)
        assert read_subset(path) == Digits().split(30, seed).index.tolist()
