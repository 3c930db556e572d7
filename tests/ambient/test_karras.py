from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from ambient import karras
from tests import k_diffusion_code

VARIANCE = 0.49


def gaussian(x: Tensor, sigma: Tensor, **_: Any) -> Tensor:
    """The exact denoiser of N(0, VARIANCE)."""
    return VARIANCE / (VARIANCE + sigma.reshape(-1, *[1] * (x.ndim - 1)) ** 2) * x


def bent(x: Tensor, sigma: Tensor, **_: Any) -> Tensor:
    """A denoiser that is not linear in x."""
    s = sigma.reshape(-1, *[1] * (x.ndim - 1))
    return torch.tanh(x / (1 + s**2)) + 0.1 * x / (1 + s)


@pytest.mark.parametrize(("sampler", "order"), [(karras.sample_euler, 1), (karras.sample_heun, 2)])
def test_order_of_convergence_on_a_gaussian(sampler: karras.Sampler, order: int) -> None:
    """The ODE carries x by sqrt((c + s'^2) / (c + s^2)), s -> s'."""
    x = torch.ones(1, 1, dtype=torch.float64)
    exact = math.sqrt((VARIANCE + 0.05**2) / (VARIANCE + 5.0**2))
    errors = []
    for steps in (20, 40, 80, 160):
        sigmas = karras.karras_sigmas(steps + 1, 0.05, 5.0)[:-1]
        errors.append(abs(float(sampler(gaussian, x, sigmas, disable=True)) - exact))
    slopes = [math.log2(a / b) for a, b in pairwise(errors)]
    assert slopes[-1] == pytest.approx(order, abs=0.12)
    assert errors[-1] < 2e-2 if order == 1 else errors[-1] < 2e-4


def test_ancestral_keeps_the_variance_of_gaussian_data() -> None:
    """With the exact denoiser the ancestral step is the exact posterior of Gaussian data only in the limit."""
    g = torch.Generator().manual_seed(0)
    sigmas = karras.log_sigmas(400, 0.01, 10.0)
    x = math.sqrt(VARIANCE + 100) * torch.randn(20_000, 1, generator=g, dtype=torch.float64)

    def noise(*_: Tensor) -> Tensor:
        return torch.randn(x.shape, generator=g, dtype=torch.float64)

    out = karras.sample_euler_ancestral(gaussian, x, sigmas, disable=True, noise_sampler=noise)
    assert float(out.var()) == pytest.approx(VARIANCE, rel=0.04)


def test_churn_keeps_the_variance_of_gaussian_data() -> None:
    g = torch.Generator().manual_seed(0)
    sigmas = karras.karras_sigmas(60, 0.01, 10.0)
    x = math.sqrt(VARIANCE + 100) * torch.randn(20_000, 1, generator=g, dtype=torch.float64)
    calls: list[float] = []

    def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        calls.append(float(sigma))
        return torch.randn(x.shape, generator=g, dtype=torch.float64)

    out = karras.sample_heun(gaussian, x, sigmas, disable=True, s_churn=20, s_tmin=0.1, s_tmax=5, noise_sampler=noise)
    assert float(out.var()) == pytest.approx(VARIANCE, rel=0.04)
    assert calls
    assert all(0.1 <= sigma <= 5 for sigma in calls)


def test_grids() -> None:
    theirs = k_diffusion_code.modules().sampling
    ours = karras.karras_sigmas(18, 0.01, 20.0)
    assert torch.allclose(ours.float(), theirs.get_sigmas_karras(18, 0.01, 20.0), rtol=2e-5)
    assert torch.allclose(karras.log_sigmas(9, 0.1, 5).float(), theirs.get_sigmas_exponential(9, 0.1, 5), rtol=2e-5)
    cut = karras.truncate(ours, 0.4)
    assert float(cut[-1]) == 0.4
    assert torch.equal(cut[:-1], ours[ours > 0.4])
    for bad in [(1, 0.1, 1.0), (5, 1.0, 0.1), (5, 0.0, 1.0)]:
        with pytest.raises(ValueError, match="0 < sigma_min < sigma_max"):
            karras.karras_sigmas(*bad)
    with pytest.raises(ValueError, match="nature level 30"):
        karras.truncate(ours, 30.0)


@pytest.mark.parametrize("model", [gaussian, bent])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sample_euler", {}),
        ("sample_heun", {}),
        ("sample_heun", {"s_churn": 8.0, "s_tmin": 0.05, "s_noise": 1.003}),
        ("sample_euler", {"s_churn": 5.0}),
        ("sample_euler_ancestral", {}),
        ("sample_euler_ancestral", {"eta": 0.4}),
    ],
)
def test_samplers_are_k_diffusions(model: Callable[..., Tensor], name: str, options: dict[str, float]) -> None:
    """Step for step, with the same noise, against k-diffusion's own code."""
    theirs, ours = getattr(k_diffusion_code.modules().sampling, name), getattr(karras, name)
    sigmas = karras.karras_sigmas(12, 0.02, 10.0)
    x = 10 * torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    churned = "s_churn" in options

    def run(sampler: karras.Sampler) -> Tensor:
        torch.manual_seed(0)
        return sampler(model, x, sigmas, disable=True, **options)

    if not churned:
        assert torch.allclose(run(ours), run(theirs), rtol=1e-12, atol=1e-12)
        return
    # k-diffusion draws noise at every step, used or not: hand ours the draws that it uses.
    torch.manual_seed(0)
    draws = [torch.randn_like(x) for _ in range(len(sigmas) - 1)]
    used = {float(s): d for s, d in zip(sigmas, draws, strict=False)}
    result = ours(model, x, sigmas, disable=True, noise_sampler=lambda s, _: used[float(s)], **options)
    assert torch.allclose(result, run(theirs), rtol=1e-12, atol=1e-12)


def test_callbacks_see_every_step() -> None:
    seen: list[dict[str, Any]] = []
    sigmas = karras.karras_sigmas(5, 0.1, 2.0)
    for sampler in (karras.sample_heun, karras.sample_euler_ancestral):
        seen.clear()
        sampler(gaussian, torch.ones(2, 1, dtype=torch.float64), sigmas, disable=True, callback=seen.append)
        assert [s["i"] for s in seen] == [0, 1, 2, 3, 4]
        assert all(torch.equal(s["denoised"], gaussian(s["x"], s["sigma_hat"].expand(2))) for s in seen)
