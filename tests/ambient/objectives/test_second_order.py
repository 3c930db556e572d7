"""Posteriors by Tweedie's formula of the second order, against those of Gaussian data."""

from __future__ import annotations

import torch

from ambient.data import Batch
from ambient.objectives import SecondOrderTweedie
from ambient.process import VP
from tests.ambient.estimators import Scripted


def test_second_order_posteriors_are_exact_for_gaussian_data() -> None:
    nature = VP().level(0.6)
    root = torch.tensor([[0.9, 0.0], [0.4, 0.2]], dtype=torch.float64)
    covariance = root @ root.T
    a, s2 = nature.alpha, nature.sigma**2
    gain = a * covariance @ torch.linalg.inv(a**2 * covariance + s2 * torch.eye(2, dtype=torch.float64))
    posterior = covariance - a * gain @ covariance
    x = torch.tensor([[0.3, -1.0]], dtype=torch.float64).expand(2, 2)
    unit = Scripted([torch.eye(2, dtype=torch.float64)])
    batch = Batch(x, nature, torch.arange(2))
    x_0 = SecondOrderTweedie()._posterior(lambda y, level, **_: y @ gain.T, batch, unit)
    spread = x_0 - x @ gain.T
    torch.testing.assert_close(spread.T @ spread, posterior, rtol=1e-10, atol=1e-13)
