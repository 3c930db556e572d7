from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient.metrics import memorization as mem


def test_l2_ratio_rule_at_its_edge() -> None:
    training = torch.tensor([[0.0], [1.0]])
    assert mem.copies(torch.tensor([[0.249], [0.251], [0.5], [1.0]]), training) == 0.5
    assert mem.copies(training, training) == 1.0


def test_similarities() -> None:
    training = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    s = mem.similarities(torch.tensor([[3.0, 0.0], [1.0, 1.0], [-1.0, 0.0]]), training)
    assert s.tolist() == pytest.approx([1.0, 0.5**0.5, 0.0], abs=1e-12)
    assert mem.share_above(s, 0.7) == pytest.approx(2 / 3)
    assert mem.share_above(s, 0.95) == pytest.approx(1 / 3)


def test_train_proximity() -> None:
    training, held_out = torch.tensor([[0.0], [1.0]]), torch.tensor([[10.0], [11.0]])
    samples = torch.tensor([[0.1], [2.0], [9.0], [5.5]])
    assert mem.train_proximity(samples, training, held_out) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    with pytest.raises(ValueError, match="equal sets"):
        mem.train_proximity(samples, training, held_out[:1])


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 7))
def test_duplicates_in_the_training_set_change_no_count_of_copies(seed: int, n: int, times: int) -> None:
    """Exact copies of one image are one image: the second is the nearest that differs."""
    g = torch.Generator().manual_seed(seed)
    training = torch.randn(n, 5, generator=g)
    samples = torch.cat(
        [training[: n // 2] + 0.02 * torch.randn(n // 2, 5, generator=g), torch.randn(9, 5, generator=g)]
    )
    order = torch.randperm(n * times, generator=g)
    assert mem.copies(samples, training.repeat(times, 1)[order]) == mem.copies(samples, training)
    assert mem.copies(training, training.repeat(times, 1)) == 1.0


def test_features_that_differ_by_rounding_are_of_one_image() -> None:
    training = 1 + torch.rand(20, 100, generator=torch.Generator().manual_seed(0))
    again = training * (1 + 1e-6 * torch.randn(20, 100, generator=torch.Generator().manual_seed(1)))
    assert mem.copies(training, torch.cat([training, again])) == 1.0
    apart = training + 1e-2 * torch.randn(20, 100, generator=torch.Generator().manual_seed(1))
    assert mem.copies((training + apart) / 2, torch.cat([training, apart])) == 0.0


def test_copies_need_two_different_training_images() -> None:
    with pytest.raises(ValueError, match="the 7 training images are one and the same"):
        mem.copies(torch.ones(2, 3), torch.zeros(7, 3))


def test_duplicates_are_counted() -> None:
    images = torch.rand(5, 1, 2, 2)
    assert mem.count_duplicates(images) == 0
    assert mem.count_duplicates(images[[0, 1, 0, 2, 0, 1]]) == 3
    assert mem.count_duplicates(torch.tensor([[0.0], [-0.0]])) == 1
    assert mem.count_duplicates(images[:0]) == 0


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_rows_that_are_not_finite_are_named(wrong: float) -> None:
    good, bad = torch.rand(9, 4), torch.rand(9, 4)
    bad[[2, 5], 1] = wrong
    for measure in (mem.copies, mem.similarities):
        for arguments in ((good, bad), (bad, good)):
            with pytest.raises(ValueError, match=r"2 of 9 .* are not finite .*: rows 2, 5;"):
                measure(*arguments)
    for sets in ((bad, good, good), (good, bad, good), (good, good, bad)):
        with pytest.raises(ValueError, match=r"2 of 9 .* are not finite"):
            mem.train_proximity(*sets)
