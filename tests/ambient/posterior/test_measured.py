from __future__ import annotations

import pytest
import torch

from ambient.linear import Matrix
from ambient.posterior.guidance import MMPS, Measurement
from ambient.posterior.measured import sample_measured
from theory.measured import measured
from theory.mixture import GaussianMixture


def test_samples_of_a_gaussian_have_its_posterior() -> None:
    """MMPS is exact there, so what is left is the sampler's error: it falls with the number of steps."""
    covariance = torch.tensor([[[1.0, 0.6], [0.6, 0.8]]], dtype=torch.float64)
    law = GaussianMixture(torch.tensor([[0.3, -0.5]]), covariance)
    rows, n = torch.tensor([[[1.0, 0.5]]], dtype=torch.float64), 6000
    y = torch.full((n, 1), 0.7, dtype=torch.float64)
    exact = measured(law, y[:1], rows, 0.04)
    errors = []
    for steps in (10, 40):
        x = sample_measured(
            law.denoiser, Measurement(y, Matrix(rows), 0.2), MMPS(3), range(n), (2,), steps=steps, dtype=torch.float64
        )
        torch.testing.assert_close(x.mean(0), exact.mean()[0], rtol=0, atol=0.04)
        errors.append(float((x.T.cov() - exact.covariances[0, 0]).abs().max()))
    assert errors[1] < 0.03
    assert errors[1] < errors[0]


def test_a_sample_is_a_function_of_seed_and_index() -> None:
    law = GaussianMixture(torch.zeros(1, 2), torch.ones(1))
    rows = torch.tensor([[[1.0, 0.0]]])
    y = torch.tensor([[0.5], [1.0], [1.5]])

    def draw(keep: list[int], seed: int = 0) -> torch.Tensor:
        return sample_measured(
            law.denoiser, Measurement(y[keep], Matrix(rows), 0.2), MMPS(), keep, (2,), seed=seed, steps=4
        )

    whole = draw([0, 1, 2])
    torch.testing.assert_close(draw([2]), whole[2:], rtol=1e-5, atol=1e-6)
    assert float((draw([0, 1, 2], seed=1) - whole).abs().min()) > 1e-3
    with pytest.raises(ValueError, match="sampling needs"):
        sample_measured(law.denoiser, Measurement(y, Matrix(rows), 0.2), MMPS(), [0, 1, 2], (2,), steps=1)
