from __future__ import annotations

import numpy as np
import prdc
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient.metrics import quality


@given(st.integers(0, 10**6), st.integers(1, 6))
def test_frechet_distance_of_gaussians_in_closed_form(seed: int, d: int) -> None:
    """Commuting covariances: |m1 - m2|^2 + sum (s1 - s2)^2; in general, through scipy's matrix square root."""
    g = torch.Generator().manual_seed(seed)
    m1, m2 = torch.randn(2, d, generator=g, dtype=torch.float64)
    s1, s2 = torch.rand(2, d, generator=g, dtype=torch.float64) + 0.1
    turn, _ = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=torch.float64))
    c1, c2 = (turn * s**2 @ turn.T for s in (s1, s2))
    exact = float((m1 - m2).square().sum() + (s1 - s2).square().sum())
    assert quality.gaussian_frechet_distance(m1, c1, m2, c2) == pytest.approx(exact, rel=1e-9, abs=1e-12)
    root = torch.randn(d, d, generator=g, dtype=torch.float64)
    other = root @ root.T + 0.1 * torch.eye(d, dtype=torch.float64)
    cross = np.trace(scipy.linalg.sqrtm((c1 @ other).numpy()).real)
    exact = float((m1 - m2).square().sum() + c1.trace() + other.trace() - 2 * cross)
    assert quality.gaussian_frechet_distance(m1, c1, m2, other) == pytest.approx(exact, rel=1e-6, abs=1e-9)


def test_frechet_distance_of_samples() -> None:
    g = torch.Generator().manual_seed(0)
    a = torch.randn(500, 3, generator=g)
    b = 2 * torch.randn(400, 3, generator=g) + 1
    x, y = a.numpy().astype(float), b.numpy().astype(float)
    c1, c2 = np.cov(x.T), np.cov(y.T)
    exact = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c1 + c2 - 2 * scipy.linalg.sqrtm(c1 @ c2).real)
    assert quality.frechet_distance(a, b) == pytest.approx(exact, rel=1e-9)
    assert quality.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="at least two"):
        quality.frechet_distance(a[:1], b)
    with pytest.raises(ValueError, match="finite"):
        quality.frechet_distance(a * torch.inf, b)


def test_frechet_distance_of_fewer_samples_than_features() -> None:
    g = torch.Generator().manual_seed(3)
    scale = torch.linspace(0.1, 2, 40)
    a, b = (torch.randn(n, 40, generator=g) * scale + n / 10 for n in (12, 20))
    x, y = a.numpy().astype(float), b.numpy().astype(float)
    c1, c2 = np.cov(x.T), np.cov(y.T)
    roots = np.linalg.eigvals(c1 @ c2).real.clip(0) ** 0.5
    exact = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c1 + c2) - 2 * roots.sum()
    assert quality.frechet_distance(a, b) == pytest.approx(exact, rel=1e-6)
    assert quality.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (1.5, 0.3), (0.5, 2.0)])
def test_manifold_metrics_are_prdcs(shift: float, scale: float) -> None:
    """Against Naeem et al.'s own package."""
    g = torch.Generator().manual_seed(1)
    real = torch.randn(200, 4, generator=g, dtype=torch.float64)
    fake = scale * torch.randn(150, 4, generator=g, dtype=torch.float64) + shift
    theirs = prdc.compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    ours = quality.manifold_metrics(real, fake, k=5)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(ours, name) == pytest.approx(theirs[name], abs=1e-12), name
    with pytest.raises(ValueError, match="more than k = 5"):
        quality.manifold_metrics(real[:5], fake)


def test_duplicates_are_no_distance_apart_wherever_they_are() -> None:
    """With more than k copies of each point no ball has a radius, so nothing lies inside, far from the origin too."""
    points = torch.randn(30, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for offset in (0.0, 1e6):
        repeated = (points + offset).repeat(7, 1)
        ours = quality.manifold_metrics(repeated, repeated, k=5)
        assert (ours.precision, ours.recall, ours.density, ours.coverage) == (0, 0, 0, 0)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_rows_that_are_not_finite_are_named(wrong: float) -> None:
    good, bad = torch.rand(9, 4), torch.rand(9, 4)
    bad[[0, 8], 2] = wrong
    for sets in ((good, bad), (bad, good)):
        with pytest.raises(ValueError, match=r"2 of 9 features of a set are not finite .*: rows 0, 8;"):
            quality.frechet_distance(*sets)
        with pytest.raises(ValueError, match=r"2 of 9 (real|sampled) features are not finite"):
            quality.manifold_metrics(*sets, k=2)
