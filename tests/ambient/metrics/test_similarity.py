from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ambient.metrics.memorization import similarities
from ambient.metrics.similarity import P1_THRESHOLDS, P2_THRESHOLDS, summarise


def test_similarity_of_known_angles() -> None:
    angles = torch.tensor([0.0, 0.2, 0.5, 1.0, math.pi / 2], dtype=torch.float64)
    samples = 3 * torch.stack([angles.cos(), angles.sin()], 1)
    training = torch.tensor([[7.0, 0.0], [-2.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(similarities(samples, training), angles.cos(), atol=1e-12, rtol=0)


def test_similarity_agrees_with_the_largest_product_of_unit_vectors() -> None:
    rng = np.random.default_rng(0)
    samples, training = rng.normal(size=(200, 24)) + 1, rng.normal(size=(300, 24)) + 1
    products = (samples / np.linalg.norm(samples, axis=1, keepdims=True)) @ (
        training / np.linalg.norm(training, axis=1, keepdims=True)
    ).T
    ours = similarities(torch.from_numpy(samples), torch.from_numpy(training))
    np.testing.assert_allclose(ours, products.max(1), atol=1e-12)
    summary = summarise(ours, (0.8, 0.85))
    assert summary.mean == pytest.approx(products.max(1).mean())
    assert summary.quantile_95 == pytest.approx(np.quantile(products.max(1), 0.95))
    assert summary.shares == {c: pytest.approx((products.max(1) > c).mean()) for c in (0.8, 0.85)}
    assert 0 < summary.shares[0.85] < summary.shares[0.8] < 1


def test_copies_are_above_every_threshold_of_every_data_set() -> None:
    training = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))
    for thresholds in (*P2_THRESHOLDS.values(), P1_THRESHOLDS):
        assert set(summarise(similarities(training[:5], training), thresholds).shares.values()) == {1.0}


def test_no_samples() -> None:
    with pytest.raises(ValueError, match="there are no samples"):
        summarise(torch.empty(0), (0.9,))
