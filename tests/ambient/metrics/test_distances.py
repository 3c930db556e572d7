from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from ambient.metrics.distances import inside, nearest


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 30), st.integers(1, 5), st.integers(1, 9))
def test_nearest_is_exact(seed: int, queries: int, keys: int, k: int, chunk: int) -> None:
    """Against scikit-learn, with points far from the origin and near each other."""
    g = torch.Generator().manual_seed(seed)
    k = min(k, keys)
    a = torch.randn(queries, 6, generator=g, dtype=torch.float64) + 100
    b = torch.randn(keys, 6, generator=g, dtype=torch.float64) + 100
    distance, rows = nearest(a, b, k, chunk)
    theirs, _ = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(b.numpy()).kneighbors(a.numpy())
    assert torch.allclose(distance, torch.from_numpy(theirs), rtol=1e-9)
    assert torch.allclose((a[:, None] - b[rows]).norm(dim=2), distance)


def test_small_distances_between_large_vectors_survive_float32() -> None:
    keys = 1000 + torch.randn(50, 64, generator=torch.Generator().manual_seed(0))
    distance, rows = nearest(keys + 1e-3, keys)
    assert rows[:, 0].tolist() == list(range(50))
    assert torch.allclose(distance, torch.full_like(distance, 8e-3), rtol=0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_nearest_far_from_the_origin_is_that_of_all_differences(dtype: torch.dtype, offset: float) -> None:
    """Also of two clusters, whose own points no centring tells apart, against every difference in float64."""
    g = torch.Generator().manual_seed(0)
    clusters = torch.tensor([1.0, -1.0])[torch.randint(2, (300,), generator=g)][:, None] * offset
    keys = (clusters + torch.randn(300, 20, generator=g)).to(dtype)
    queries = (keys[:100] + 0.1 * torch.randn(100, 20, generator=g).to(dtype)).to(dtype)
    distance, rows = nearest(queries, keys, k=3)
    every = (queries.double()[:, None] - keys.double()).norm(dim=2).topk(3, largest=False)
    assert torch.allclose(distance.double(), every.values, rtol=1e-5)
    assert torch.equal(rows, every.indices)


def test_many_equal_points_do_not_hide_a_nearer_one() -> None:
    keys = torch.cat([torch.full((50, 3), 1e4), torch.tensor([[1e4, 1e4, 1e4 - 1e-2]])])
    distance, rows = nearest(torch.tensor([[1e4, 1e4, 1e4 - 1e-2]]), keys)
    assert (float(distance), int(rows)) == (0.0, 50)


def test_what_is_refused() -> None:
    points = torch.rand(9, 4)
    with pytest.raises(ValueError, match="need at least 10 points"):
        nearest(points, points, 10)
    points[7] = torch.nan
    with pytest.raises(ValueError, match=r"1 of 9 queries are not finite .*: rows 7;"):
        nearest(points, torch.rand(9, 4))
    with pytest.raises(ValueError, match=r"1 of 9 points to look among are not finite"):
        nearest(torch.rand(9, 4), points)


@given(st.integers(0, 10**6), st.sampled_from([0.0, 1e4, 1e7]), st.integers(1, 5))
def test_inside_is_that_of_all_differences(seed: int, offset: float, copies: int) -> None:
    """Also on the boundary, which does not count: radii are distances to points of the set, some of them 0."""
    g = torch.Generator().manual_seed(seed)
    balls = torch.randn(12, 8, generator=g, dtype=torch.float64) + offset
    points = torch.cat([balls, torch.randn(9, 8, generator=g, dtype=torch.float64) + offset]).repeat(copies, 1)
    distance = (balls[:, None] - points).square().sum(2).sqrt()
    radii = distance.sort(1).values[:, 4]
    assert torch.equal(inside(balls, radii, points, chunk=5), distance < radii[:, None])
