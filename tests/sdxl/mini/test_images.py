"""Which images are trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.sdxl.mini.conftest import members_of


def test_all_images(cifar: Path) -> None:
    members = members_of(cifar)
    assert len(members.images) == len(members.labels) == 20
    assert len(members.unseen) == 0
    assert len(members.test) == 4
    assert members.labels.tolist() == [i % 10 for i in range(20)]


def test_a_choice_is_balanced_and_leaves_the_rest_unseen(cifar: Path) -> None:
    members = members_of(cifar, 10)
    assert sorted(members.labels.tolist()) == list(range(10))
    assert sorted([*members.index.tolist(), *members.unseen.tolist()]) == list(range(20))
    assert torch.equal(members.images, members_of(cifar).images[members.index])


def test_the_record_lists_every_image_once(cifar: Path) -> None:
    record = members_of(cifar, 10).record(0)
    never = {part["split"]: part["indices"] for part in record["never_seen"]}
    assert sorted([*record["trained_on"]["indices"], *never["train"]]) == list(range(20))
    assert never["test"] == list(range(4))


def test_a_smaller_choice_is_part_of_a_larger_one(cifar: Path) -> None:
    small, large = (set(members_of(cifar, n).index.tolist()) for n in (7, 13))
    assert small < large


def test_too_many_images_are_refused(cifar: Path) -> None:
    with pytest.raises(ValueError, match="--images 21"):
        members_of(cifar, 21)


def test_other_data_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "cats" / "0.png")
    with pytest.raises(ValueError, match="CIFAR-10's classes only"):
        members_of(tmp_path)
