"""Ambient score matching at one level: Noisier2Noise. What all matching losses share is in `test_matching`."""

from __future__ import annotations

import math

import pytest
import torch

from ambient.data import Batch
from ambient.objectives import noisier2noise
from ambient.process import VE, Level
from ambient.randomness import Draws
from tests.ambient.estimators import gaussian


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_noisier2noise_is_its_papers_regression_and_correction(ratio: float) -> None:
    """Moran et al. eq. 6: f(z) = E[x_n | z], x_0 = ((1 + ratio^2) f - z) / ratio^2; for N(0, s^2) data, f = c z."""
    s, sigma_n = 0.7, 0.4
    nature, level = VE().level(sigma_n), VE().level(sigma_n * math.hypot(1, ratio))
    best = (s**2 + sigma_n**2) / (s**2 + float(level.sigma) ** 2)
    corrected = ((1 + ratio**2) * best - 1) / ratio**2
    x_n = math.hypot(s, sigma_n) * torch.randn(
        200_000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    batch = Batch(x_n, nature, torch.arange(len(x_n)))
    slope = torch.tensor(corrected, dtype=torch.float64, requires_grad=True)
    loss = noisier2noise(ratio)(lambda x, at, **_: slope * x, batch, Draws.of_step(0, 0))
    torch.testing.assert_close(loss.level.sigma, level.sigma.expand(len(x_n)))
    (push,) = torch.autograd.grad(loss.per_sample.mean(), slope)
    residual = best * (1 - best) * (s**2 + float(level.sigma) ** 2)
    assert float(loss.per_sample.detach().mean()) == pytest.approx(residual, rel=0.01)
    assert abs(float(push)) < 5e-3


def test_noisier2noise_needs_noise() -> None:
    batch = Batch(torch.zeros(4, 2), Level.clean(), torch.arange(4))
    with pytest.raises(ValueError, match="there is none"):
        noisier2noise()(gaussian(1.0), batch, Draws.of_step(0, 0))
