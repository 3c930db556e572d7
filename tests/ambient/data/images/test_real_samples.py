"""Real images, read here and independently; skipped where the samples are not beside the repository."""

from __future__ import annotations

import io
import pickle
import zipfile
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from ambient.data.images import DataSetError, ImageOptions, ImageSet, load_images, subset

SAMPLES = Path(__file__).parents[5] / "shared" / "data"


def _sample(name: str) -> Path:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"needs the sample {name} in ../shared/data")
    return path


def _same_as_pil(data: ImageSet, contents: dict[str, bytes], mode: str) -> None:
    assert data.names == tuple(sorted(contents))
    for i in range(0, len(data), max(1, len(data) // 50)):
        pixels = np.asarray(Image.open(io.BytesIO(contents[data.names[i]])).convert(mode)).reshape(
            *data.pixels.shape[2:], data.pixels.shape[1]
        )
        np.testing.assert_array_equal(data.pixels[i].permute(1, 2, 0), pixels)


@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar10(split: Literal["train", "test"]) -> None:
    batches = [f"data_batch_{i}" for i in range(1, 6)] if split == "train" else ["test_batch"]
    path = _sample("cifar10/cifar-10-batches-py")
    with pytest.warns(UserWarning, match="not the official CIFAR-10") as caught:
        data = load_images(path, ImageOptions(split=split, labels=True))
    assert len(caught) == 1
    raw = [pickle.loads((path / batch).read_bytes(), encoding="latin1") for batch in batches]
    np.testing.assert_array_equal(data.pixels.flatten(1), np.concatenate([batch["data"] for batch in raw]))
    assert data.labels is not None
    assert data.labels.tolist() == list(chain.from_iterable(batch["labels"] for batch in raw))
    assert len(data) == {"train": 7728, "test": 932}[split]
    assert data.classes[int(data.labels[0])] == {"train": "frog", "test": "cat"}[split]


def test_tiny_imagenet() -> None:
    path = _sample("tiny_imagenet/tiny-imagenet-200_subset.zip")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    train = {name: content for name, content in contents.items() if name.endswith(".JPEG") and "/train/" in name}
    val = {name: content for name, content in contents.items() if name.endswith(".JPEG") and "/val/" in name}
    wnids = sorted(contents["tiny-imagenet-200/wnids.txt"].decode().split())
    data = load_images(path, ImageOptions(labels=True, channels="rgb"))
    _same_as_pil(data, train, "RGB")
    assert data.labels is not None
    assert [wnids[i] for i in data.labels] == [name.split("/")[2] for name in data.names]
    assert data.labels.bincount().tolist() == [15] * 200
    five = subset(len(data), 1000, 0, data.labels, balanced=True)
    assert data.labels[five].bincount().tolist() == [5] * 200

    held_out = load_images(path, ImageOptions(split="val", labels=True, channels="rgb"))
    _same_as_pil(held_out, val, "RGB")
    lines = contents["tiny-imagenet-200/val/val_annotations.txt"].decode().splitlines()
    annotated = {f"tiny-imagenet-200/val/images/{line.split()[0]}": line.split()[1] for line in lines}
    assert held_out.labels is not None
    assert {name: wnids[i] for name, i in zip(held_out.names, held_out.labels, strict=True)} == annotated

    grey = {name for name, content in train.items() if Image.open(io.BytesIO(content)).mode == "L"}
    with pytest.raises(DataSetError) as refusal:
        load_images(path)
    assert refusal.value.report is not None
    assert {fault.name for fault in refusal.value.report.faults} == grey
    assert 0.01 < len(grey) / len(train) < 0.03


def test_chest_x_rays() -> None:
    path = _sample("chest_xray/chest_xray_256.zip")
    data = load_images(path, ImageOptions(resolution=64, limit=20))
    assert data.pixels.shape == (20, 1, 64, 64)
    with zipfile.ZipFile(path) as archive:
        image = Image.open(io.BytesIO(archive.read(data.names[3])))
    left, top = (image.width - 256) // 2, (image.height - 256) // 2
    square = np.asarray(image, dtype=float)[top : top + 256, left : left + 256]
    boxes = square.reshape(64, 4, 64, 4).mean((1, 3))
    assert abs(data.pixels[3, 0].numpy() - boxes).mean() < 2


@pytest.mark.parametrize(("side", "count"), [(64, 36), (256, 10)])
def test_faces(side: int, count: int) -> None:
    path = _sample(f"faces/ffhq{side}")
    data = load_images(path)
    assert data.pixels.shape == (count, 3, side, side)
    _same_as_pil(data, {file.name: file.read_bytes() for file in path.glob("*.png")}, "RGB")
