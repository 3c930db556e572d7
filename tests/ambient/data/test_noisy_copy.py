from __future__ import annotations

import pytest
import scipy.stats
import torch

from ambient.data.noisy_copy import nature_noise, noisy_copy
from ambient.process import VE, VP


def test_each_image_has_one_noisy_version_whatever_the_order() -> None:
    x_0 = torch.randn(10, 1, 4, 4)
    whole = noisy_copy(x_0, VE().level(0.7), seed=3, indices=range(10))
    order = torch.tensor([7, 2, 9])
    again = noisy_copy(x_0[order], VE().level(0.7), seed=3, indices=order)
    assert torch.equal(again, whole[order])
    torch.manual_seed(123)
    assert torch.equal(noisy_copy(x_0, VE().level(0.7), 3, range(10)), whole)
    assert not torch.equal(noisy_copy(x_0, VE().level(0.7), 4, range(10)), whole)


def test_the_noise_has_the_level_of_nature() -> None:
    x_0 = torch.full((2000, 8), 2.0, dtype=torch.float64)
    level = VP().level(0.6)
    x_n = noisy_copy(x_0, level, 0, range(2000))
    z = (x_n - 0.8 * 2.0) / 0.6
    assert torch.allclose(z, nature_noise(0, range(2000), (8,)).double(), atol=1e-6)
    assert scipy.stats.kstest(z.flatten().numpy(), "norm").pvalue > 0.01
    correlation = torch.corrcoef(z.T) - torch.eye(8, dtype=torch.float64)
    assert float(correlation.abs().max()) < 0.1


def test_augmentation_comes_before_the_noise() -> None:
    """The noise belongs to the index, not to the pixels: a flipped image gets the same noise, not the flipped one."""
    x_0 = torch.randn(4, 1, 2, 6)
    level = VE().level(0.5)
    plain, flipped = (noisy_copy(x, level, 0, range(4)) - x for x in (x_0, x_0.flip(-1)))
    assert torch.allclose(plain, flipped, atol=1e-6)


def test_global_seeds_are_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    noisy_copy(torch.zeros(3, 2), VE().level(1.0), 0, range(3))
    assert torch.equal(torch.get_rng_state(), before)


def test_one_index_for_each_sample() -> None:
    with pytest.raises(ValueError, match="3 samples need 3 indices, got 2"):
        noisy_copy(torch.zeros(3, 2), VE().level(1.0), 0, range(2))
