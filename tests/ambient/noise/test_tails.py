from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from ambient.noise.clipping import Limits
from ambient.noise.tails import beyond, with_tails

BOTH = Limits(-1.0, 1.0, 0.1, 0.1)


@pytest.mark.parametrize("distance", [0.0, 0.7, 3.0, 9.0])
def test_a_tail_is_scipys_truncated_normal(distance: float) -> None:
    u = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    there = torch.full_like(u, distance)
    law = scipy.stats.truncnorm(distance, np.inf)
    np.testing.assert_allclose(beyond(there, u).numpy(), law.ppf(1 - u.numpy()), rtol=1e-6, atol=1e-8)
    assert float(beyond(there[:1], None)) == pytest.approx(law.mean(), rel=1e-6)


def clipped(sigma: float, n: int = 4000) -> tuple[Tensor, Tensor, Tensor]:
    """Clean images of one brightness each, their noisy versions, and what a file keeps of them."""
    clean = torch.linspace(-1, 1, n, dtype=torch.float64).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    noisy = clean + sigma * torch.randn(clean.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return clean, noisy, noisy.clamp(-1, 1)


def uniform(like: Tensor, seed: int) -> Tensor:
    return torch.rand(like.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_with_the_clean_values_known_the_noise_is_gaussian_again() -> None:
    clean, noisy, stored = clipped(0.4)
    sigma = torch.full((len(clean),), 0.4)
    whole = with_tails(stored, sigma, BOTH, lambda _: clean, u=uniform(stored, 1))
    noise = ((whole - clean) / 0.4).flatten()
    assert scipy.stats.kstest(noise.numpy(), "norm").pvalue > 0.01
    assert scipy.stats.kstest(((stored - clean) / 0.4).flatten().numpy(), "norm").pvalue < 1e-6
    assert torch.equal(whole[stored.abs() < 1], noisy[stored.abs() < 1])


def test_means_are_the_means_of_the_draws() -> None:
    clean, _, stored = clipped(0.4)
    sigma = torch.full((len(clean),), 0.4)
    mean = with_tails(stored, sigma, BOTH, lambda _: clean)
    drawn = torch.stack([with_tails(stored, sigma, BOTH, lambda _: clean, u=uniform(stored, k)) for k in range(50)])
    at = stored.abs() == 1
    assert float((drawn.mean(0) - mean)[at].mean().abs()) < 0.005
    assert float((drawn.mean(0) - mean)[at].square().mean().sqrt()) < 1.5 * float(drawn.std(0)[at].mean()) / 50**0.5


def test_guessing_the_clean_values_takes_most_of_the_bias_away() -> None:
    clean, _, stored = clipped(0.4)
    sigma = torch.full((len(clean),), 0.4)

    def restored(x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True).expand_as(x)

    whole = with_tails(stored, sigma, BOTH, restored, u=uniform(stored, 1))
    dark = clean[:, 0, 0, 0] < -0.8
    before, after = (float((x - clean)[dark].mean()) for x in (stored, whole))
    assert before > 0.1
    assert abs(after) < before / 4


def test_levels_differ_limits_may_be_missing_and_what_was_not_clipped_stays() -> None:
    x = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 1, 1, 3).repeat(3, 1, 1, 1)
    x[2, 0, 0, 1] = 1.5  # beyond the limit: its file has no such limit
    sigma = torch.tensor([0.1, 0.6, 0.6])
    whole = with_tails(x, sigma, BOTH, lambda y: y)
    assert torch.equal(whole[2], x[2])
    assert -1.2 < whole[0, 0, 0, 0] < -1
    assert whole[1, 0, 0, 0] < -1.2
    assert torch.equal(whole[:, 0, 0, 1], x[:, 0, 0, 1])
    below = with_tails(x, sigma, Limits(-1.0, None, 0.1, 0.0), lambda y: y)
    assert torch.equal(below[:, 0, 0, 2], x[:, 0, 0, 2])
    assert whole.dtype == x.dtype
    assert with_tails(x[2:], sigma[2:], BOTH, lambda y: y) is not None
