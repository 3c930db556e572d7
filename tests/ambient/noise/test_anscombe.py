from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from ambient.noise.anscombe import PoissonGaussian, closed_form_inverse, exact_inverse, expectation, forward


def expected_by_quadrature(rate: float, s: float) -> float:
    """E[f(K) | lambda], by adaptive quadrature over the observation itself, without the change of variables."""

    def root(k: float) -> float:
        return 2 * math.sqrt(max(k + 3 / 8 + s**2, 0.0))

    def of_count(p: int) -> float:
        if s == 0:
            return root(p)
        low = max(-3 / 8 - s**2, p - 11 * s)
        scale = 1 / (s * math.sqrt(2 * math.pi))
        value, _ = integrate.quad(
            lambda k: root(k) * scale * math.exp(-(((k - p) / s) ** 2) / 2),
            low,
            p + 11 * s,
            epsabs=1e-13,
            epsrel=1e-12,
            limit=500,
        )
        return value

    counts = range(int(rate + 14 * np.sqrt(rate + 1) + 40))
    weights = stats.poisson.pmf(counts, rate)
    return float(sum(w * of_count(p) for p, w in zip(counts, weights, strict=True) if w > 1e-16))


@pytest.mark.parametrize("s", [0.0, 0.05, 0.3, 1.0, 3.0, 20.0])
@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0, 7.3, 60.0])
def test_expectation_and_exact_inverse_against_quadrature(rate: float, s: float) -> None:
    reference = expected_by_quadrature(rate, s)
    assert expectation(np.array([rate]), s)[0] == pytest.approx(reference, abs=1e-10)
    found = exact_inverse(torch.tensor([reference], dtype=torch.float64), s).item()
    assert found == pytest.approx(rate, abs=5e-6)


@pytest.mark.parametrize("s", [0.0, 1.0, 5.0])
def test_no_step_where_the_table_ends(s: float) -> None:
    rates = np.array([998.0, 999.9, 1000.1, 1002.0, 4000.0])
    d = torch.from_numpy(expectation(rates, s))
    assert exact_inverse(d, s).numpy() == pytest.approx(rates, abs=1e-6)


@pytest.mark.parametrize("s", [0.0, 0.5, 3.0])
def test_closed_form_is_near_the_exact_inverse(s: float) -> None:
    d = torch.from_numpy(expectation(np.linspace(1, 200, 50), s))
    assert (closed_form_inverse(d, s) - exact_inverse(d, s)).abs().max() < 0.06


def test_inverse_grows_and_never_falls_below_no_light() -> None:
    d = torch.linspace(-3, 200, 5000, dtype=torch.float64)
    found = exact_inverse(d, 0.7)
    assert (found.diff() >= 0).all()
    assert found.min() == 0


def test_variance_is_one_where_counts_are_many() -> None:
    noise = PoissonGaussian(gain=0.02, std=0.05)
    draws = torch.Generator().manual_seed(0)
    clean = torch.full((200_000,), 0.3, dtype=torch.float64)
    y = noise.gain * torch.poisson((clean - noise.black) / noise.gain, generator=draws) + noise.black
    y = y + noise.std * torch.randn(clean.shape, generator=draws, dtype=torch.float64)
    assert y.var().item() == pytest.approx(noise.variance(clean[:1]).item(), rel=0.02)
    z = noise.forward(y)
    assert z.var().item() == pytest.approx(1, abs=0.02)
    assert noise.inverse(z.mean()).item() == pytest.approx(0.3, abs=2e-3)


def test_plain_inversion_is_biased_where_the_exact_one_is_not() -> None:
    rate, s = 1.0, 0.2
    d = torch.tensor([expected_by_quadrature(rate, s)], dtype=torch.float64)
    plain = (d / 2) ** 2 - 3 / 8 - s**2
    assert abs(plain.item() - rate) > 0.1
    assert torch.allclose(forward(plain, s), d)
    assert abs(exact_inverse(d, s).item() - rate) < 1e-5


@pytest.mark.parametrize(
    ("field", "value"), [("gain", 0.0), ("gain", float("nan")), ("std", -1.0), ("black", float("inf"))]
)
def test_wrong_parameters_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        PoissonGaussian(**{"gain": 0.1, field: value})
