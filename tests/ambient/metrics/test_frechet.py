from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient.metrics.features import Pixels
from ambient.metrics.frechet import INCEPTION, FeatureStatistics, distance_name
from ambient.metrics.quality import frechet_distance


def _vectors(n: int, dim: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    mix = torch.randn(dim, dim, generator=source, dtype=torch.float64)
    return torch.randn(n, dim, generator=source, dtype=torch.float64) @ mix + shift


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 9), st.permutations(range(8)))
def test_any_batches_in_any_order_give_numpys_moments(sizes: list[int], seed: int, order: list[int]) -> None:
    vectors = _vectors(sum(sizes), 3, seed, shift=5.0)
    parts = vectors.split(sizes)
    parts = [parts[i] for i in order if i < len(parts)]
    total = FeatureStatistics.of(parts[0], "pixels")
    for part in parts[1:]:
        total = total.merge(FeatureStatistics.of(part, "pixels"))
    assert total.count == sum(sizes)
    np.testing.assert_allclose(total.mean, vectors.numpy().mean(0), atol=1e-12)
    if total.count > 1:
        np.testing.assert_allclose(total.covariance, np.cov(vectors.numpy().T), atol=1e-11)


def test_fifty_thousand_samples_with_a_large_mean() -> None:
    vectors = _vectors(50_000, 16, 0, shift=1e6)
    streamed = FeatureStatistics.of_images((part[:, :, None, None] for part in vectors.split(512)), Pixels())
    expected = np.cov((vectors - 1e6).numpy().T)
    assert abs(streamed.covariance.numpy() - expected).max() < 1e-6 * abs(expected).max()
    naive = vectors.T @ vectors / 49_999 - torch.outer(vectors.mean(0), vectors.mean(0)) * 50_000 / 49_999
    assert abs(naive.numpy() - expected).max() > 1e-5 * abs(expected).max()  # what the merge rule avoids


@given(st.integers(0, 20))
def test_distance_agrees_with_edms_formula(seed: int) -> None:
    a, b = _vectors(60, 5, seed), _vectors(40, 5, seed + 100, shift=0.3)
    ours = FeatureStatistics.of(a, "f").frechet_distance(FeatureStatistics.of(b, "f"))
    mean_a, mean_b, cov_a, cov_b = a.numpy().mean(0), b.numpy().mean(0), np.cov(a.numpy().T), np.cov(b.numpy().T)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)
    edm = np.square(mean_a - mean_b).sum() + np.trace(cov_a + cov_b - 2 * np.real(root))
    assert ours == pytest.approx(edm, rel=1e-7)
    assert ours == pytest.approx(frechet_distance(a, b), rel=1e-12)


@given(st.lists(st.tuples(st.floats(0.1, 5), st.floats(0.1, 5), st.floats(-3, 3)), min_size=1, max_size=6))
def test_distance_of_gaussians_with_common_axes(triples: list[tuple[float, float, float]]) -> None:
    deviation_a, deviation_b, shift = (
        torch.tensor(column, dtype=torch.float64) for column in zip(*triples, strict=True)
    )
    axes, _ = torch.linalg.qr(_vectors(len(triples), len(triples), 7))
    a, b = (
        FeatureStatistics(101, mean, axes @ torch.diag(100 * deviation**2) @ axes.T, "f")
        for mean, deviation in ((shift, deviation_a), (torch.zeros_like(shift), deviation_b))
    )
    expected = float((shift**2).sum() + ((deviation_a - deviation_b) ** 2).sum())
    assert a.frechet_distance(b) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert a.frechet_distance(a) == pytest.approx(0, abs=1e-9)


def test_statistics_come_back_from_disk(tmp_path: Path) -> None:
    statistics = FeatureStatistics.of(_vectors(9, 4, 1), "some features")
    path = tmp_path / "reference.safetensors"
    statistics.save(path)
    loaded = FeatureStatistics.load(path)
    assert (loaded.count, loaded.features) == (9, "some features")
    assert torch.equal(loaded.mean, statistics.mean)
    assert torch.equal(loaded.scatter, statistics.scatter)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"reference\.safetensors does not hold feature statistics"):
        FeatureStatistics.load(path)


def test_edms_reference_files(tmp_path: Path) -> None:
    vectors = _vectors(30, 4, 1).numpy()
    path = tmp_path / "cifar10-32x32.npz"
    np.savez(path, mu=vectors.mean(0), sigma=np.cov(vectors.T))
    reference = FeatureStatistics.read_npz(path, count=30)
    own = FeatureStatistics.of(torch.from_numpy(vectors), INCEPTION)
    assert own.frechet_distance(reference) == pytest.approx(0, abs=1e-9)
    np.savez(path, mean=vectors.mean(0))
    with pytest.raises(ValueError, match=r"cifar10-32x32\.npz is not an \.npz file of mu and sigma"):
        FeatureStatistics.read_npz(path)


def test_what_does_not_go_together_is_refused() -> None:
    a = FeatureStatistics.of(_vectors(9, 4, 1), "pixels")
    for other in (FeatureStatistics.of(_vectors(9, 4, 1), "CLIP"), FeatureStatistics.of(_vectors(9, 3, 1), "pixels")):
        with pytest.raises(ValueError, match="do not go together: 4 pixels features and"):
            a.frechet_distance(other)
        with pytest.raises(ValueError, match="do not go together"):
            a.merge(other)
    with pytest.raises(ValueError, match="1 of 1 pixels features are not finite"):
        FeatureStatistics.of(torch.tensor([[float("nan")]]), "pixels")
    with pytest.raises(ValueError, match=r"shape \(N, D\) with N >= 1, got \(0, 3\)"):
        FeatureStatistics.of(torch.empty(0, 3), "pixels")
    with pytest.raises(ValueError, match="at least two samples, got 1"):
        _ = FeatureStatistics.of(torch.zeros(1, 3), "pixels").covariance
    with pytest.raises(ValueError, match="there are no images"):
        FeatureStatistics.of_images([], Pixels())


def test_only_inceptions_distance_is_called_fid() -> None:
    assert distance_name(INCEPTION) == "FID"
    assert distance_name("pixels") == "Fréchet distance on pixels"


def test_published_statistics_that_are_damaged_are_named(tmp_path: Path) -> None:
    path = tmp_path / "published.npz"
    np.savez(path, mu=np.zeros(3), sigma=np.eye(3))
    content = path.read_bytes()
    for end in range(0, len(content), 31):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match=r"published\.npz"):
            FeatureStatistics.read_npz(path)
