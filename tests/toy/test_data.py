from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from ambient.data.images import DataSetError, to_unit
from tests.ambient.data.images.make import encode, folder, picture
from toy.data import Digits, Pictures, load_data, read_subset, split_of
from toy.duplicates import Duplicates, first_of_each
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
    data.claim_subset(path, index, 0)
    record = json.loads(path.read_text())
    assert read_subset(path) == index.tolist()
    assert record["balanced"] is True
    assert record["names"][0].endswith(".png")
    for seed in (0, 1):
        path = tmp_path / f"digits-{seed}.json"
        Digits().claim_subset(path, Digits().split(30, seed).index, seed)
        assert read_subset(path) == Digits().split(30, seed).index.tolist()


def test_a_list_of_other_images_is_refused_and_a_damaged_one_made_again(tmp_path: Path) -> None:
    path, index = tmp_path / "digits.json", Digits().split(30, 0).index
    Digits().claim_subset(path, index, 0)
    Digits().claim_subset(path, index, 0)
    with pytest.raises(ValueError, match=r"digits.json lists other training images .* choose another --output"):
        Digits().claim_subset(path, Digits().split(30, 1).index, 0)
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    with pytest.warns(UserWarning, match=r"digits.json is damaged; it is made again"):
        Digits().claim_subset(path, index, 0)
    assert path.read_bytes() == whole


def test_images_that_have_changed_under_their_name_are_refused(tmp_path: Path) -> None:
    source = SourceOptions("images", str(pictures(tmp_path / "set")))
    data, path = load_data(source), tmp_path / "subset.json"
    data.claim_subset(path, data.split(12, 0).index, 0)
    (tmp_path / "set").rename(tmp_path / "moved")
    moved = load_data(SourceOptions("images", str(tmp_path / "moved") + "/."))
    moved.claim_subset(path, moved.split(12, 0).index, 0)
    (tmp_path / "moved" / "a" / "000.png").write_bytes(encode(picture(5000, 8, 8)))
    other = load_data(SourceOptions("images", str(tmp_path / "moved")))
    with pytest.raises(DataSetError, match=r"subset.json was chosen from 120 images of .* holds others"):
        other.claim_subset(path, other.split(12, 0).index, 0)


def with_copies(path: Path) -> Path:
    """A hundred and twenty pictures, of which six are there three times."""
    pictures(path)
    for i in range(6):
        for copy in range(2):
            shutil.copy(path / "a" / f"{i:03d}.png", path / "b" / f"copy-{copy}-{i}.png")
    return path


@pytest.mark.parametrize("seed", range(4))
def test_no_image_is_in_two_parts_of_a_split(tmp_path: Path, seed: int) -> None:
    data = Pictures(SourceOptions("images", str(with_copies(tmp_path / "set"))))
    split = data.split(30, seed)
    parts = [split.train, split.held_out, split.classifier[0], split.unseen]
    different = [part.flatten(1).unique(dim=0) for part in parts]
    assert sum(map(len, different)) == len(torch.cat(different).unique(dim=0))
    assert split.duplicates.training == len(split.train) - len(different[0])
    assert len(split.train) == 30
    trained = {image.numpy().tobytes() for image in split.train}
    pixels = to_unit(data.data.pixels)
    copies = sum(image.numpy().tobytes() in trained for image in pixels) - 30
    assert split.duplicates.left_out == copies
    assert sum(map(len, parts)) + copies <= len(pixels) == 132
    assert split.duplicates.training + copies > 0


def test_digits_has_no_duplicates() -> None:
    assert len(torch.unique(first_of_each(Digits().pixels))) == 1797
    assert Digits().split(100, 0).duplicates == Duplicates(0, 0)


def test_training_images_that_are_all_one_are_refused(tmp_path: Path) -> None:
    one = encode(picture(0, 8, 8))
    path = folder(tmp_path / "set", {f"{i:03d}.png": one for i in range(90)})
    with pytest.raises(ValueError, match="--images 5: those of split 0 are one and the same"):
        split_of(SourceOptions("images", str(path)), 5, 0)


def test_copies_do_not_count_as_images_to_compare_with(tmp_path: Path) -> None:
    files = {f"{i:03d}.png": encode(picture(i % 50, 8, 8)) for i in range(200)}
    path = folder(tmp_path / "set", files)
    with pytest.raises(ValueError, match="has 200 images, 150 of them exact copies of others, and 60 have to be left"):
        split_of(SourceOptions("images", str(path)), 5, 0)


def test_too_few_of_a_class_name_the_option(tmp_path: Path) -> None:
    files = {f"a/{i:03d}.png": encode(picture(i, 8, 8)) for i in range(3)}
    files |= {f"b/{i:03d}.png": encode(picture(100 + i, 8, 8)) for i in range(90)}
    source = SourceOptions("images", str(folder(tmp_path / "set", files)), classes=True)
    with pytest.raises(ValueError, match="--images 20: 10 images of each class are needed, but class 0 has 3"):
        split_of(source, 20, 0)
