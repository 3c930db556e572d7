from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient.data.images import (
    DataSetError,
    ImageOptions,
    IndexList,
    load_images,
    read_index_list,
    subset,
    write_index_list,
)
from ambient.data.images.__main__ import main
from ambient.runs.results import read_results, write_results
from tests.ambient.data.images import make


@given(st.integers(1, 300), st.integers(0, 5), st.data())
def test_subsets_are_nested_and_without_repetition(total: int, seed: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, total))
    m = data.draw(st.integers(1, n))
    chosen = subset(total, n, seed).tolist()
    assert len(set(chosen)) == n
    assert set(chosen) <= set(range(total))
    assert set(subset(total, m, seed).tolist()) <= set(chosen)


def test_balanced_subsets_as_in_p2() -> None:
    labels = torch.arange(200).repeat_interleave(20)[torch.randperm(4000, generator=torch.Generator().manual_seed(0))]
    five, fifteen = (subset(4000, 200 * k, 3, labels, balanced=True) for k in (5, 15))
    assert labels[five].bincount().tolist() == [5] * 200
    assert labels[fifteen].bincount().tolist() == [15] * 200
    assert set(five.tolist()) <= set(fifteen.tolist())
    assert set(five.tolist()) != set(subset(4000, 1000, 4, labels, balanced=True).tolist())


def test_a_subset_is_uniform() -> None:
    counts = torch.zeros(20)
    for seed in range(2000):
        counts[subset(20, 5, seed)] += 1
    chi_square = ((counts - 500) ** 2 / 500).sum() / (1 - 5 / 20)
    assert chi_square < 43.8  # 99.9 % of chi-square with 19 degrees of freedom


def test_impossible_subsets() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2])
    with pytest.raises(ValueError, match="between 1 and 7, not 8"):
        subset(7, 8, 0)
    with pytest.raises(ValueError, match="4 images cannot be balanced over 3 classes; take a multiple, such as 3"):
        subset(7, 4, 0, labels, balanced=True)
    with pytest.raises(ValueError, match="2 images of each class are needed, but class 2 has 1"):
        subset(7, 6, 0, labels, balanced=True)
    with pytest.raises(ValueError, match="needs the labels of all 7"):
        subset(7, 6, 0, balanced=True)


def test_index_lists_come_back_at_any_resolution_and_only_for_their_data(tmp_path: Path) -> None:
    source = make.folder(tmp_path / "set", make.good_files(6))
    data = load_images(source)
    chosen = IndexList(subset(6, 4, 1), seed=1)
    path = tmp_path / "list.json"
    write_index_list(path, chosen, data)
    assert json.loads(path.read_text())["names"] == [f"good{i}.png" for i in chosen.indices]
    smaller = load_images(source, ImageOptions(resolution=4, channels="grey"))
    read = read_index_list(path, smaller)
    assert torch.equal(read.indices, chosen.indices)
    assert (read.seed, read.balanced) == (1, False)
    other = load_images(make.folder(tmp_path / "other", make.good_files(7)))
    with pytest.raises(DataSetError, match=r"list\.json was chosen from 6 images of .*set, and .*other \(7 images\)"):
        read_index_list(path, other)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"indices": [0, 6]}, "indices outside 0..5"),
        ({"indices": [0, 0]}, "names an image twice"),
        ({"indices": []}, "or none"),
        ({"indices": "all"}, "is not a list of indices"),
        ({"fingerprint": "0"}, "chosen from"),
        ({"sha256": "0"}, "do not match its checksum; choose anew, or remove its field sha256"),
    ],
)
def test_changed_index_lists_are_refused(change: dict[str, object], expected: str, tmp_path: Path) -> None:
    data = load_images(make.folder(tmp_path / "set", make.good_files(6)))
    path = tmp_path / "list.json"
    write_index_list(path, IndexList(subset(6, 4, 1), seed=1), data)
    if "sha256" in change:
        path.write_text(path.read_text().replace('"seed": 1', '"seed": 3'))
    else:
        write_results(path, read_results(path) | change)
    with pytest.raises(DataSetError, match=expected):
        read_index_list(path, data)


def test_the_command_writes_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = make.good_files(3, "a/") | make.good_files(3, "b/")
    source = make.folder(tmp_path / "set", files)
    path = tmp_path / "list.json"
    arguments = [str(source), "--classes", "--subset", "4", "--balanced", "--seed", "2", "--output", str(path)]
    assert main(arguments) == 0
    assert "6x3x8x8, 2 classes" in capsys.readouterr().out
    data = load_images(source, ImageOptions(labels=True))
    assert data.labels is not None
    assert data.labels[read_index_list(path, data).indices].bincount().tolist() == [2, 2]
    assert main([str(source), "--subset", "9"]) == 1
    assert "between 1 and 6, not 9" in capsys.readouterr().err
