"""The measures against what is known exactly."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from benchmarks.below_nature import measures
from theory.worlds import easy


def test_the_energy_distance_of_two_normals() -> None:
    """E|X - Y| = sqrt(2 (1 + s^2) / pi) for N(0, 1) and N(0, s^2); 4,000 coupled samples."""
    s = 3.0
    x = torch.randn(4_000, 1, generator=torch.Generator().manual_seed(0))
    exact = 2 * math.sqrt(2 * (1 + s**2) / math.pi) - 2 / math.sqrt(math.pi) * (1 + s)
    assert measures.energy_distance(x, s * x) == pytest.approx(exact, rel=0.1)
    assert measures.energy_distance(x, x) == pytest.approx(0, abs=1e-6)


def test_the_energy_distance_leaves_out_the_coupled_pairs() -> None:
    x, y = torch.randn(2, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def mean(a: Tensor, b: Tensor) -> float:
        return sum(float((a[i] - b[j]).norm()) for i in range(7) for j in range(7) if i != j) / 42

    exact = 2 * mean(x, y) - mean(x, x) - mean(y, y)
    assert measures.energy_distance(x, y, chunk=2) == pytest.approx(exact, rel=1e-12)


def test_sliced_wasserstein_of_a_shift_and_of_a_scaling() -> None:
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([0.3, 0.0, 0.4])
    assert measures.sliced_wasserstein(x, x + shift, 4000) == pytest.approx(0.5 / math.sqrt(3), rel=0.03)
    moment = float(x.square().sum(1).mean()) / 3
    assert measures.sliced_wasserstein(x, 2 * x, 4000) == pytest.approx(math.sqrt(moment), rel=0.03)
    with pytest.raises(ValueError, match="equally many"):
        measures.sliced_wasserstein(x, x[:4])


def test_the_identity_scores_one_and_the_exact_denoiser_zero_at_every_level() -> None:
    world = easy()
    for multiple in measures.MULTIPLES:
        sigma = multiple * world.sigma_n
        assert measures.relative_error(lambda x, level: x, world, sigma, 256) == pytest.approx(1)
        assert measures.relative_error(world.mixture.denoiser, world, sigma, 256) == pytest.approx(0, abs=1e-9)


def test_the_exact_denoiser_is_at_no_distance_and_stopping_early_is_at_some() -> None:
    world = easy()
    exact = measures.reference(world, 512)
    full = measures.evaluate(world.mixture.denoiser, world, exact)
    assert full["energy"] == pytest.approx(0, abs=1e-6)
    assert full["sliced"] == 0
    stopped = measures.evaluate(world.mixture.denoiser, world, exact, stop=True)
    assert stopped["energy"] > 1
