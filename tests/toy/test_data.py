from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from toy.data import digits


def test_splits_are_disjoint_and_balanced() -> None:
    bunch = load_digits()
    pixels = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 8 - 1
    for seed in (0, 1):
        split = digits(100, seed)
        assert torch.equal(split.train, pixels[split.index])
        assert (torch.tensor(bunch.target)[split.index].bincount() == 10).all()
        sizes = [len(x) for x in (split.train, split.unseen, split.held_out, split.classifier[0])]
        assert sizes == [100, 300, 897, 500]
        together = torch.cat([split.train, split.unseen, split.held_out, split.classifier[0]]).flatten(1)
        assert torch.equal(together.unique(dim=0), pixels.flatten(1).unique(dim=0))
    assert float(pixels.min()) == -1
    assert float(pixels.max()) == 1


def test_a_larger_training_set_contains_the_smaller_one() -> None:
    small, large = digits(50, 3), digits(400, 3)
    assert torch.equal(large.index[:50], small.index)
    assert len(large.unseen) == 0
    assert not torch.equal(digits(50, 4).index, small.index)


@pytest.mark.parametrize("images", [1, 401])
def test_sizes_out_of_range_are_refused(images: int) -> None:
    with pytest.raises(ValueError, match="between 2 and 400"):
        digits(images, 0)
