"""Similarities of known features, and numpy's histogram."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient.attacks import compare, histogram


def test_comparison_on_known_features() -> None:
    data = torch.eye(4)
    restored = torch.tensor([[3.0, 4.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    found = compare(restored, data[[0, 1]], data, "axes")
    assert found.own.tolist() == pytest.approx([0.6, 1.0])
    assert found.nearest.tolist() == pytest.approx([0.8, 1.0])
    assert found.identified(torch.tensor([0, 1])) == 0.5


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.integers(1, 20))
def test_histogram_is_numpys(values: list[float], bins: int) -> None:
    edges, shares = histogram(torch.tensor(values, dtype=torch.float64), bins)
    counts, theirs = np.histogram(np.clip(values, 0, 1), bins, (0, 1))
    assert np.allclose(edges.numpy(), theirs)
    assert np.abs(shares.numpy() - counts / len(values)).sum() <= 2 * np.isin(np.round(values, 12), theirs).mean()
    assert float(shares.sum()) == pytest.approx(1)


def test_features_that_do_not_fit_together_are_refused() -> None:
    x = torch.ones(2, 3)
    with pytest.raises(ValueError, match="do not fit together"):
        compare(x, x[:1], x, "pixels")
