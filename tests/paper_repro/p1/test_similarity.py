from __future__ import annotations

import torch

from paper_repro.p1.similarity import dominance_over_splits, excess, share_above, table


def test_shares_above_a_threshold() -> None:
    a, b = torch.tensor([0.96, 0.97, 0.5, 0.95]), torch.tensor([0.99, 0.1, 0.2, 0.3])
    assert share_above(0.95)(a) == 0.5
    assert excess(a, b) == 0.25


def test_a_row_counts_the_images_of_all_splits() -> None:
    found = table("title", {"row": [torch.tensor([0.96, 0.5]), torch.tensor([0.91, 0.2])]})
    (row,) = found.rows
    assert row[:2] == ("row", "4")
    assert row[-2:] == ("0.500 ± 0.000", "0.250 ± 0.354")  # above .9 and above .95


def test_what_lies_above_on_all_splits_dominates() -> None:
    low = [torch.linspace(0, 1, 40) + 0.001 * i for i in range(3)]
    high = [values + 2 for values in low]
    assert [test.outcome for test in dominance_over_splits(high, low, paired=True)] == ["holds", "holds"]
    assert [test.outcome for test in dominance_over_splits(low, high, paired=True)] == ["does not hold"] * 2
