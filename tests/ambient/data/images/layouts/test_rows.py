from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ambient.data.images import DataSetError, ImageOptions, load_images
from ambient.data.images.__main__ import main
from tests.ambient.data.images import make

datasets = pytest.importorskip("datasets", reason="needs the extra 'data'")
CLASSES = ["cat", "dog"]


@pytest.fixture(autouse=True)
def offline_and_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and no cache shared with the user's."""
    import huggingface_hub.constants as hub

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def _rows(start: int, contents: list[bytes | None] | None = None, labels: list[int | None] | None = None) -> object:
    contents = contents or [make.encode(make.picture(start + i)) for i in range(4)]
    images = [None if content is None else {"bytes": content, "path": None} for content in contents]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)})
    return datasets.Dataset.from_dict({"image": images, "label": labels or [0, 1, 1, 0]}, features=features)


def _repository(path: Path, **splits: object) -> Path:
    """A data set as a clone of its hub repository: parquet files by split."""
    (path / "data").mkdir(parents=True)
    for name, rows in splits.items():
        rows.to_parquet(path / "data" / f"{name}-00000-of-00001.parquet")  # type: ignore[attr-defined]
    return path


def test_parquet_and_saved_data_sets(tmp_path: Path) -> None:
    train, val = _rows(0), _rows(50)
    repository = _repository(tmp_path / "repo", train=train, validation=val)
    datasets.DatasetDict({"train": train, "validation": val}).save_to_disk(tmp_path / "saved")
    train.save_to_disk(tmp_path / "one")  # type: ignore[attr-defined]
    sources = [(repository, None, 0), (repository, "val", 50), (tmp_path / "saved", "train", 0)]
    sources += [(tmp_path / "saved", "val", 50), (tmp_path / "one", None, 0)]
    for source, split, start in sources:
        data = load_images(source, ImageOptions(split=split, labels=True))  # type: ignore[arg-type]
        expected = np.stack([make.picture(start + i) for i in range(4)])
        np.testing.assert_array_equal(data.pixels.permute(0, 2, 3, 1).numpy(), expected)
        assert data.labels is not None
        assert data.labels.tolist() == [0, 1, 1, 0]
        assert data.classes == ("cat", "dog")
    with pytest.raises(DataSetError, match="has no split test; it has train, validation"):
        load_images(repository, ImageOptions(split="test"))


def test_bad_rows_are_named_and_the_others_kept(tmp_path: Path) -> None:
    good = make.encode(make.picture(0))
    rows = _rows(0, [good, good[:-40], None, b"text"], [0, 1, 1, None])
    source = _repository(tmp_path / "repo", train=rows)
    with pytest.raises(DataSetError, match="row 1") as refusal:
        load_images(source)
    assert refusal.value.report is not None
    found = {fault.name: fault.kind for fault in refusal.value.report.faults}
    assert found == {"row 1": "damaged", "row 2": "empty file", "row 3": "not an image"}
    assert load_images(source, ImageOptions(skip_bad=True)).names == ("row 0",)
    with pytest.raises(DataSetError, match=r"1 no label: row 3"):
        load_images(source, ImageOptions(labels=True))


def test_columns_must_be_told_apart(tmp_path: Path) -> None:
    second = _rows(50).select_columns("image").rename_column("image", "second")  # type: ignore[attr-defined]
    two = datasets.concatenate_datasets([_rows(0), second], axis=1)
    source = _repository(tmp_path / "repo", train=two)
    with pytest.raises(DataSetError, match=r"choose one with its Image columns \(image_column\): image, second"):
        load_images(source)
    with pytest.raises(DataSetError, match="column third is not one of its Image columns"):
        load_images(source, ImageOptions(image_column="third"))
    data = load_images(source, ImageOptions(image_column="second"))
    np.testing.assert_array_equal(data.pixels[0].permute(1, 2, 0), make.picture(50))
    with pytest.raises(DataSetError, match="has no column kind; it has image, label, second"):
        load_images(source, ImageOptions(image_column="image", labels=True, label_column="kind"))


def test_a_hub_id_needs_a_revision() -> None:
    with pytest.raises(DataSetError, match=r"uoft-cs/cifar10: no such file or folder; .*give its commit too"):
        load_images("uoft-cs/cifar10")


def test_an_offline_hub_is_one_line_that_names_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    revision = "0b2714987fa478483af9968de7c934580d0bb9a2"
    expected = f"uoft-cs/cifar10: the data set cannot be loaded at revision {revision} (.*download it.* give its folder"
    with pytest.raises(DataSetError, match=expected.replace(" (", r" \(")) as refusal:
        load_images("uoft-cs/cifar10", ImageOptions(revision=revision))
    assert "\n" not in str(refusal.value)
    assert main(["uoft-cs/cifar10", "--revision", revision]) == 1
    assert str(refusal.value) in capsys.readouterr().err
