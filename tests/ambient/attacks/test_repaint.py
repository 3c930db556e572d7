"""RePaint against exact conditioning, and with a model that knows its images by heart."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ambient import karras
from ambient.attacks import RePaint, mask_and_restore
from ambient.process import Level
from tests.ambient.attacks.worlds import GAUSSIAN, images
from theory.empirical import EmpiricalDenoiser

COVARIANCE = torch.tensor([[0.5, 0.4], [0.4, 0.6]], dtype=torch.float64)


def correlated(x_t: Tensor, level: Level, **_: Any) -> Tensor:
    """The exact denoiser of N(0, COVARIANCE), for one VE level."""
    noisy = COVARIANCE + float(level.sigma[0]) ** 2 * torch.eye(2, dtype=torch.float64)
    return x_t @ torch.linalg.solve(noisy, COVARIANCE)


def test_what_is_masked_is_sampled_given_the_rest() -> None:
    """Conditioning gives N(0.8, 0.28); one sweep a level, without Lugmayr's repetitions, is far from it."""
    n, grid = 600, karras.log_sigmas(30, 0.02, 6.0)
    x_0 = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(n, 2)
    hidden, errors = torch.tensor([[False, True]]), []
    for repeats in (1, 12):
        found = mask_and_restore(RePaint(correlated, grid, repeats=repeats), x_0, hidden, range(n))
        assert torch.equal(found.x_0[:, 0], x_0[:, 0])
        assert float(found.x_t.abs().sum()) == n
        errors.append(abs(float(found.x_0[:, 1].mean()) - 0.8))
    assert errors[0] > 0.3
    assert errors[1] < 0.1
    assert float(found.x_0[:, 1].var()) == pytest.approx(0.28, rel=0.25)


def test_a_memorising_model_fills_in_the_rest_of_its_training_images() -> None:
    train, other = images(20, 3, (1, 6, 6)), images(20, 4, (1, 6, 6))
    hidden = torch.zeros(1, 6, 6, dtype=torch.bool)
    hidden[:, 1:5, 2:6] = True
    grid = karras.log_sigmas(24, 0.02, 10.0)
    model = RePaint(EmpiricalDenoiser(train), grid, repeats=4)
    mine, theirs = (mask_and_restore(model, x, hidden, range(20)).x_0 for x in (train, other))
    assert float((mine - train)[:, hidden].abs().max()) < 1e-3
    assert float((theirs - other)[:, hidden].abs().mean()) > 0.5


def test_what_is_refused() -> None:
    grid = karras.log_sigmas(4, 0.1, 5.0)
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        RePaint(GAUSSIAN.denoiser, grid, repeats=0)
    with pytest.raises(ValueError, match="end at 0"):
        RePaint(GAUSSIAN.denoiser, grid[:-1])
