from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from ambient.distil import generator_loss, outward_variance


@given(seed=st.integers(0, 2**20), alpha=st.floats(0, 2))
def test_the_loss_is_the_product_of_the_module(seed: int, alpha: float) -> None:
    r, f, y = torch.randn(3, 4, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    by_hand = [
        sum(
            (a - b) * ((a - c) - alpha * (a - b))
            for a, b, c in zip(r[i].flatten().tolist(), f[i].flatten().tolist(), y[i].flatten().tolist(), strict=True)
        )
        / 6
        for i in range(4)
    ]
    torch.testing.assert_close(generator_loss(r, f, y, alpha), torch.tensor(by_hand, dtype=torch.float64))


def test_where_the_gradient_turns() -> None:
    assert outward_variance(1.0, 1.0, 1.2) == pytest.approx(11)
    assert outward_variance(1.0, 1.0, 1.0) == float("inf")
