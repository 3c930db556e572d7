from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from ambient.metrics import memorization as mem


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 30), st.integers(1, 5), st.integers(1, 9))
def test_nearest_is_exact(seed: int, queries: int, keys: int, k: int, chunk: int) -> None:
    """Against scikit-learn, with points far from the origin and near each other."""
    g = torch.Generator().manual_seed(seed)
    k = min(k, keys)
    a = torch.randn(queries, 6, generator=g, dtype=torch.float64) + 100
    b = torch.randn(keys, 6, generator=g, dtype=torch.float64) + 100
    distance, rows = mem.nearest(a, b, k, chunk)
    theirs, _ = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(b.numpy()).kneighbors(a.numpy())
    assert torch.allclose(distance, torch.from_numpy(theirs), rtol=1e-9)
    assert torch.allclose((a[:, None] - b[rows]).norm(dim=2), distance)


def test_small_distances_between_large_vectors_survive_float32() -> None:
    keys = 1000 + torch.randn(50, 64, generator=torch.Generator().manual_seed(0))
    distance, rows = mem.nearest(keys + 1e-3, keys)
    assert rows[:, 0].tolist() == list(range(50))
    assert torch.allclose(distance, torch.full_like(distance, 8e-3), rtol=0.1)


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
    with pytest.raises(ValueError, match="need at least 3"):
        mem.nearest(samples, training, 3)
