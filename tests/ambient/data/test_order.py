from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient.data import Order


@given(st.integers(1, 20), st.integers(0, 5), st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_order_is_epochs_of_permutations_however_it_is_cut(rows: int, seed: int, cuts: list[int]) -> None:
    whole = Order(rows, seed)(0, sum(cuts))
    pieces, start, order = [], 0, Order(rows, seed)
    for cut in cuts:
        pieces.append(order(start, start + cut))
        start += cut
    assert torch.equal(torch.cat(pieces), whole)
    for epoch in range(len(whole) // rows):
        assert sorted(whole[epoch * rows : (epoch + 1) * rows].tolist()) == list(range(rows))
    assert torch.equal(Order(rows, seed)(start - 1, start), whole[-1:])


def test_epochs_and_seeds_differ() -> None:
    order = Order(50, 0)
    assert order(0, 50).tolist() != order(50, 100).tolist()
    assert order(0, 50).tolist() != Order(50, 1)(0, 50).tolist()
    with pytest.raises(ValueError, match="empty"):
        Order(0, 0)
