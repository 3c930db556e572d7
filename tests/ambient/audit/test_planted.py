from __future__ import annotations

import pytest
import torch

from ambient.audit.intervals import Count
from ambient.audit.planted import calibrate


def around(centre: float, count: int, seed: int, width: float = 0.05) -> torch.Tensor:
    return centre + width * torch.randn(count, generator=torch.Generator().manual_seed(seed))


def test_the_threshold_lies_between_copies_and_originals() -> None:
    test = calibrate({"saved again": around(0.1, 200, 0), "cropped": around(0.3, 200, 1)}, around(0.9, 500, 2))
    assert 0.45 < test.threshold < 0.75
    assert {kind: count.share for kind, count in test.found.items()} == {"saved again": 1, "cropped": 1}
    assert test.false_high == test.false_low == Count(0, 250)
    assert test.left_out == ()


def test_a_kind_that_cannot_be_told_is_left_out() -> None:
    test = calibrate({"saved again": around(0.1, 200, 0), "cropped": around(0.9, 200, 1)}, around(0.9, 500, 2))
    assert test.left_out == ("cropped",)
    assert set(test.found) == {"saved again"}


def test_if_no_kind_can_be_told_the_share_is_unknown() -> None:
    test = calibrate({"saved again": around(0.9, 200, 0)}, around(0.9, 500, 2))
    found = test.copies(Count(3, 100))
    assert (found.low, found.high) == (0, 1)


def test_resemblances_among_training_images_are_counted_both_ways() -> None:
    """A tenth of the training images are the same picture saved again: collected twice, or the world's?"""
    known, originals = {"saved again": around(0.1, 400, 0)}, torch.cat((around(0.1, 100, 1), around(0.9, 900, 2)))
    test = calibrate(known, originals, without_twins=around(0.93, 1000, 3))
    assert test.false_low == test.false == Count(0, 500)
    assert 0.07 < test.false_high.share < 0.13
    found = test.copies(Count(100, 2000))
    assert found.low == 0
    assert found.value == 0.05
    assert found.high > 0.05


@pytest.mark.parametrize("unseen", [True, False])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.5])
def test_shares_are_covered_where_copies_and_originals_overlap(rate: float, unseen: bool) -> None:
    trials, covered = 60, 0
    for seed in range(trials):
        source = torch.Generator().manual_seed(1000 + seed)

        def ratios(centre: float, count: int, source: torch.Generator = source) -> torch.Tensor:
            return (centre + 0.1 * torch.randn(count, generator=source)).clamp(min=0)

        known, originals = {"saved again": ratios(0.2, 400), "cropped": ratios(0.4, 400)}, ratios(0.85, 1000)
        test = calibrate(known, originals, None if unseen else originals + 0.03, seed)
        copied = int((torch.rand(600, generator=source) < rate).sum())
        samples = torch.cat((ratios(0.4, copied), ratios(0.85, 600 - copied)))
        found = test.copies(Count.below(samples, test.threshold), seed=seed)
        covered += found.low <= rate <= found.high
    assert covered / trials >= 0.95 - 3 * (0.05 * 0.95 / trials) ** 0.5
