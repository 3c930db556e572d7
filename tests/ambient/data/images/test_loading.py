from __future__ import annotations

import pickle
import tarfile
import warnings
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from ambient.data.images import DataSetError, ImageOptions, load_images
from ambient.data.images.layouts import cifar as cifar_module
from ambient.data.images.pickles import read_pickle
from tests.ambient.data.images import make


def _folder_and_zip(path: Path, files: dict[str, bytes]) -> list[Path]:
    return [make.folder(path / "set", files), make.zipped(path / "set.zip", files)]


def test_folders_and_zips_hold_the_same_images(tmp_path: Path) -> None:
    files = make.good_files(4) | {"metadata.jsonl": b"{}", ".DS_Store": b"x", "__MACOSX/._good1.png": b"x"}
    sets = [load_images(source) for source in _folder_and_zip(tmp_path, files)]
    for data in sets:
        assert data.names == ("good0.png", "good1.png", "good2.png", "good3.png")
        expected = np.stack([make.picture(i) for i in range(4)])
        np.testing.assert_array_equal(data.pixels.permute(0, 2, 3, 1).numpy(), expected)
        np.testing.assert_allclose(data.images.permute(0, 2, 3, 1).numpy(), expected / 127.5 - 1, atol=1e-6)
        assert data.images.dtype == torch.float32
        assert data.pixels.is_contiguous()
        assert data.labels is None
    assert sets[0].fingerprint == sets[1].fingerprint


def test_class_folders_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    files = make.good_files(2, "zebra/") | make.good_files(1, "ant/") | make.good_files(1, "cat/deep/")
    for source in _folder_and_zip(tmp_path, files):
        data = load_images(source, ImageOptions(labels=True))
        assert data.classes == ("ant", "cat", "zebra")
        assert data.labels is not None
        assert [data.classes[i] for i in data.labels] == [name.split("/")[0] for name in data.names]


def test_a_split_of_a_folder_is_its_folder_of_that_name(tmp_path: Path) -> None:
    source = make.folder(tmp_path / "set", make.good_files(2, "train/a/") | make.good_files(1, "test/b/"))
    data = load_images(source, ImageOptions(split="train", labels=True))
    assert data.names == ("train/a/good0.png", "train/a/good1.png")
    assert data.classes == ("a",)
    with pytest.warns(UserWarning, match="the folders test, train are read together; choose one of them with split"):
        assert len(load_images(source)) == 3
    with pytest.raises(DataSetError, match="has no folder val; it has test, train"):
        load_images(source, ImageOptions(split="val"))


def test_edm_labels_come_from_dataset_json(tmp_path: Path) -> None:
    labels = [["good2.png", 3], ["good0.png", 0], ["good1.png", 1]]
    for source in _folder_and_zip(tmp_path, make.good_files() | {"dataset.json": make.dataset_json(labels)}):
        with pytest.warns(UserWarning, match="no image is of the classes 2"):
            data = load_images(source, ImageOptions(labels=True))
        assert data.labels is not None
        assert data.labels.tolist() == [0, 1, 3]
        assert len(data.classes) == 4


def test_edm_without_labels(tmp_path: Path) -> None:
    source = make.zipped(tmp_path / "set.zip", make.good_files() | {"dataset.json": make.dataset_json(None)})
    assert load_images(source).labels is None
    with pytest.raises(DataSetError, match=r"its dataset\.json has no labels; read it without labels"):
        load_images(source, ImageOptions(labels=True))


def test_tiny_imagenet(tmp_path: Path) -> None:
    files = make.tiny_imagenet_files()
    for source in _folder_and_zip(tmp_path, files):
        train = load_images(source, ImageOptions(labels=True, channels="rgb"))
        assert train.classes == tuple(sorted(make.WNIDS))
        assert train.labels is not None
        assert train.report.layout == "Tiny ImageNet"
        for name, label, pixels in zip(train.names, train.labels.tolist(), train.pixels, strict=True):
            assert name.split("/")[2] == train.classes[label]
            expected = make.decode(files[name])
            np.testing.assert_array_equal(
                pixels.permute(1, 2, 0), np.broadcast_to(expected, (8, 8, 3)), err_msg=f"{name}"
            )
        val = load_images(source, ImageOptions(split="val", labels=True))
        assert val.labels is not None
        assert [val.classes[i] for i in val.labels] == list(make.WNIDS)
        with pytest.raises(DataSetError, match="test split has no labels"):
            load_images(source, ImageOptions(split="test", labels=True))


def test_grey_images_are_refused_by_name_unless_channels_say_what_to_do(tmp_path: Path) -> None:
    source = make.folder(tmp_path / "set", make.tiny_imagenet_files())
    with pytest.raises(DataSetError, match=r"n02124075_1\.JPEG \(grey among colour images; set channels to rgb or g"):
        load_images(source)
    assert load_images(source, ImageOptions(channels="grey")).pixels.shape == (6, 1, 8, 8)


def _tar(path: Path, folder: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder / "cifar-10-batches-py", "cifar-10-batches-py")
    return path


def test_cifar_in_every_container(tmp_path: Path) -> None:
    files = make.cifar_files()
    folder, archive = _folder_and_zip(tmp_path, files)
    batches = [make.batch(i) for i in range(6)]
    sources = [folder, archive, _tar(tmp_path / "set.tar.gz", folder), folder / "cifar-10-batches-py"]
    fingerprints = set()
    for source in sources:
        for split, parts in (("train", batches[:5]), ("test", batches[5:])):
            with pytest.warns(UserWarning, match="not the official CIFAR-10") as caught:
                data = load_images(source, ImageOptions(split=split, labels=True))
            assert len(caught) == 1
            rows = np.concatenate([part["data"] for part in parts])
            np.testing.assert_array_equal(data.pixels.flatten(1).numpy(), rows)
            assert data.labels is not None
            assert data.labels.tolist() == list(chain.from_iterable(part["labels"] for part in parts))
            fingerprints.add((split, data.fingerprint))
    assert len(fingerprints) == 2


def test_official_cifar_is_read_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    files = make.cifar_files()
    sums = {name.split("/")[1]: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(cifar_module, "OFFICIAL_MD5", sums)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_images(make.folder(tmp_path / "set", files)).report.warnings == ()


def test_cifar_has_no_val_split(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="has the splits train and test, not val"):
        load_images(make.folder(tmp_path / "set", make.cifar_files()), ImageOptions(split="val"))


@pytest.mark.parametrize("protocol", range(6))
def test_every_pickle_protocol_of_arrays_is_read(protocol: int) -> None:
    content = make.batch(1) | {"filenames": ["a.png"], "batch_label": b"training batch 1 of 5"}
    restored = read_pickle(pickle.dumps(content, protocol=protocol))
    np.testing.assert_array_equal(restored.pop("data"), content.pop("data"))
    assert restored == content


def test_resolution_limit_and_take(tmp_path: Path) -> None:
    files = {f"{i}.png": make.encode(make.picture(i, 10 + i, 12)) for i in range(4)}
    source = make.folder(tmp_path / "set", files)
    with pytest.raises(DataSetError, match="12x11 among 12x10; make all equally large"):
        load_images(source)
    data = load_images(source, ImageOptions(resolution=6))
    assert data.pixels.shape == (4, 3, 6, 6)
    assert load_images(source, ImageOptions(resolution=6, limit=2)).names == ("0.png", "1.png")
    part = data.take(torch.tensor([2, 0]))
    assert part.names == ("2.png", "0.png")
    assert torch.equal(part.pixels[1], data.pixels[0])
    assert part.fingerprint != data.fingerprint
    assert load_images(source, ImageOptions(resolution=4)).fingerprint == data.fingerprint
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        ImageOptions(limit=0)
