from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ambient.noise.estimators import patch_eigenvalue, smallest_alike, wavelet
from tests.ambient.noise.pictures import noisy, smooth_with_edges


@given(st.floats(0.01, 1.5), st.sampled_from([1, 3]))
@settings(max_examples=8)
def test_both_find_the_level_of_noise_alone(sigma: float, channels: int) -> None:
    images = noisy(torch.zeros(12, channels, 48, 48), sigma)
    assert wavelet(images).median().item() == pytest.approx(sigma, rel=0.08)
    assert patch_eigenvalue(images).median().item() == pytest.approx(sigma, rel=0.08)


def test_on_images_each_is_within_a_tenth() -> None:
    images = noisy(smooth_with_edges(20), 0.2)
    assert wavelet(images).median().item() == pytest.approx(0.2, rel=0.1)
    assert patch_eigenvalue(images).median().item() == pytest.approx(0.2, rel=0.1)


def test_the_mean_of_the_rest_lies_at_its_median() -> None:
    """Against the loop of the paper, over the eigenvalues from the largest."""
    draws = np.random.default_rng(0)
    noise = np.sort(1 + 0.01 * draws.standard_normal((20, 40)), 1)
    signal = np.sort(2 + 50 * draws.random((20, 9)), 1)
    values = np.concatenate([noise, signal], 1)
    for row in values:
        for rest in (row[: len(row) - i] for i in range(len(row))):
            if rest.mean() <= np.median(rest) * (1 + 1e-9):
                break
        found = smallest_alike(torch.from_numpy(row)[None]).item()
        assert found == pytest.approx(rest.mean(), rel=1e-12)
        assert found == pytest.approx(1, abs=0.01)


def test_too_small_images_are_named() -> None:
    with pytest.raises(ValueError, match="3x1"):
        patch_eigenvalue(torch.zeros(2, 1, 1, 3))
