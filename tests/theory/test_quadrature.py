from __future__ import annotations

import math

import pytest
import torch

from ambient.process import VP, Level
from theory.mixture import GaussianMixture
from theory.quadrature import NodeDraws, grid, mixture_nodes, normal_nodes

LAW = GaussianMixture(torch.tensor([[-1.0], [0.5]]), torch.tensor([0.2, 0.6]), torch.tensor([0.25, 0.75]))


@pytest.mark.parametrize("power", range(10))
def test_normal_moments(power: int) -> None:
    nodes, weights = normal_nodes(8)
    exact = 0 if power % 2 else math.prod(range(1, power, 2))
    assert float(weights @ nodes**power) == pytest.approx(exact, abs=1e-10)


def test_mixture_moments_at_a_level() -> None:
    level = VP().level(0.6)
    x, weights = mixture_nodes(LAW, level, 12)
    assert float(weights.sum()) == pytest.approx(1)
    mean = 0.8 * (0.25 * -1.0 + 0.75 * 0.5)
    second = 0.36 + 0.64 * (0.25 * (1 + 0.2) + 0.75 * (0.25 + 0.6))
    assert float(weights @ x[:, 0]) == pytest.approx(mean, rel=1e-7)
    assert float(weights @ x[:, 0] ** 2) == pytest.approx(second, rel=1e-7)
    with pytest.raises(ValueError, match="the mixture has 2"):
        mixture_nodes(GaussianMixture(torch.zeros(1, 2), torch.ones(1)), Level.clean(), 3)


def test_a_grid_is_a_product() -> None:
    axes, weights = grid(normal_nodes(6), mixture_nodes(LAW, Level.clean(), 5))
    z, x = axes
    assert z.shape == x.shape == (60, 1)
    assert float(weights @ (z**2 * x)[:, 0]) == pytest.approx(0.25 * -1.0 + 0.75 * 0.5, rel=1e-6)


def test_node_draws_come_in_order_and_in_shape() -> None:
    draws = NodeDraws([torch.ones(3, 1), 2 * torch.ones(3, 1)], [0.25])
    like = torch.zeros(3, 1, dtype=torch.float64)
    assert draws.normal(like).tolist() == [[1.0]] * 3
    assert draws.uniform(like).tolist() == [0.25] * 3
    with pytest.raises(ValueError, match=r"asks for \(4, 1\)"):
        draws.normal(torch.zeros(4, 1))
