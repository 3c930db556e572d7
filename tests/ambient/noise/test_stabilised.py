"""Poisson-Gaussian noise in a model's units, against sums over all counts and quadrature over the Gaussian part."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from ambient.noise import PoissonGaussian, Stabilised

LAWS = [PoissonGaussian(0.1), PoissonGaussian(0.02, 0.05), PoissonGaussian(0.3, 0.1)]


def observations(law: PoissonGaussian, clean: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy values and their probabilities: every count, and Gauss-Hermite nodes for the Gaussian part."""
    rate = (clean - law.black) / law.gain
    counts = np.arange(int(rate + 12 * np.sqrt(rate + 1) + 30))
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    values = law.black + law.gain * counts[:, None] + law.std * nodes
    chances = stats.poisson.pmf(counts, rate)[:, None] * weights / weights.sum()
    return torch.from_numpy(values.ravel()), torch.from_numpy(chances.ravel())


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("clean", [-0.6, 0.0, 0.9])
def test_noise_becomes_white_and_its_mean_inverts_without_bias(law: PoissonGaussian, clean: float) -> None:
    transform = Stabilised(law)
    values, chances = observations(law, clean)
    u = transform.forward(values)
    mean = (chances * u).sum()
    std = float(((chances * u.square()).sum() - mean**2).sqrt())
    rate = (clean + 1) / law.gain
    assert std == pytest.approx(transform.sigma, rel=0.2 if rate < 3 else 0.06)
    assert float(transform.inverse(mean)) == pytest.approx(clean, abs=1e-3 * law.gain)
    naive = float((mean + 1) / 2)  # of the plain inverse, which is biased
    low, high = (2 * np.sqrt(k / law.gain + 3 / 8 + law.relative_std**2) for k in (0, 2))
    plain = law.gain * (((low + naive * (high - low)) / 2) ** 2 - 3 / 8 - law.relative_std**2) - 1
    assert abs(plain - clean) > 0.1 * law.gain


@pytest.mark.parametrize("law", LAWS)
def test_black_and_white_are_the_ends_and_values_below_black_are_black(law: PoissonGaussian) -> None:
    transform = Stabilised(law)
    ends = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(transform.forward(ends), ends)
    assert float(transform.inverse(torch.tensor(-3.0))) == -1
    assert transform.forward(torch.zeros(2, 1, 3, 3)).dtype == torch.float32


def test_an_exact_posterior_inverts_to_the_mean_but_for_a_quarter_of_its_variance() -> None:
    """A world of known prior: the inverse of the posterior mean is dark by Var / 4 counts, inverted samples are not."""
    law = PoissonGaussian(0.05)
    transform = Stabilised(law)
    clean = torch.linspace(-0.8, 0.8, 401, dtype=torch.float64)
    rates = ((clean + 1) / law.gain).numpy()
    means = torch.stack(
        [(p * transform.forward(y)).sum() for y, p in (observations(law, float(x)) for x in clean)]
    )  # clean images in the model's units
    for count in (10, 20, 30):
        chance = torch.from_numpy(stats.poisson.pmf(count, rates))
        chance = chance / chance.sum()
        exact = float((chance * clean).sum())
        of_mean = float(transform.inverse((chance * means).sum()))
        of_samples = float((chance * transform.inverse(means)).sum())
        scale = 2 / transform.sigma / 2  # values of f for one of u
        variance = float((chance * means.square()).sum() - (chance * means).sum() ** 2) * scale**2
        assert of_samples == pytest.approx(exact, abs=1e-4)
        assert of_mean - exact == pytest.approx(-law.gain * variance / 4, rel=0.1)
        assert variance < 1.1
