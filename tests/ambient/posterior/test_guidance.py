from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from ambient import karras
from ambient.linear import Identity, Mask, Matrix, Operator
from ambient.posterior.guidance import DPS, MMPS, Correction, Guided, Measurement, PiGDM, Proximal
from ambient.process import VE, VP, Level
from theory.mixture import GaussianMixture
from theory.worlds import WORLDS


def _law(d: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    root = torch.randn(d, d, dtype=torch.float64, generator=source)
    return torch.randn(d, dtype=torch.float64, generator=source), root @ root.T / d + 0.1 * torch.eye(d)


@given(seed=st.integers(0, 2**20), d=st.integers(2, 6), t=st.floats(0.05, 0.95), ve=st.booleans())
@settings(max_examples=40)
def test_mmps_is_exact_for_gaussians(seed: int, d: int, t: float, ve: bool) -> None:
    """Against E[X_0 | x_t, y] by conditioning the joint Gaussian of (X_0, X_t, Y) with dense algebra."""
    source = torch.Generator().manual_seed(seed)
    mean, covariance = _law(d, source)
    rows = torch.randn(1, d - 1, d, dtype=torch.float64, generator=source)
    level = (VE() if ve else VP()).level(t)
    x_t, y = (torch.randn(3, k, dtype=torch.float64, generator=source) for k in (d, d - 1))
    sigma_y = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)
    denoiser = GaussianMixture(mean[None], covariance[None]).denoiser
    found = Guided(denoiser, Measurement(y, Matrix(rows), sigma_y), MMPS(iterations=4 * d, tolerance=1e-13))(x_t, level)
    for i in range(3):
        both = torch.cat([level.alpha * torch.eye(d), rows[0]])
        noise = torch.cat([level.sigma.expand(d) ** 2, sigma_y[i].expand(d - 1) ** 2])
        gain = covariance @ both.T @ torch.linalg.inv(both @ covariance @ both.T + torch.diag(noise))
        expected = mean + gain @ (torch.cat([x_t[i], y[i]]) - both @ mean)
        torch.testing.assert_close(found[i], expected, rtol=1e-7, atol=1e-7)


@given(seed=st.integers(0, 2**20), sigma=st.floats(0.05, 5.0))
@settings(max_examples=25)
def test_where_the_prior_is_round_all_but_dps_agree(seed: int, sigma: float) -> None:
    """For X_0 ~ N(0, s^2 I) the approximations of PiGDM and of the proximal step are exact."""
    source = torch.Generator().manual_seed(seed)
    rows = torch.randn(2, 3, 5, dtype=torch.float64, generator=source)
    x_t, y = (torch.randn(2, k, dtype=torch.float64, generator=source) for k in (5, 3))
    measured = Measurement(y, Matrix(rows), 0.3)

    def denoiser(x: Tensor, level: Level) -> Tensor:
        return x * (0.7**2 / (0.7**2 + level.sigma**2))[:, None]

    level = VE().level(sigma)
    exact = Guided(denoiser, measured, MMPS(20, 1e-13))(x_t, level)
    corrections: list[Correction] = [PiGDM(0.7), Proximal(0.7)]
    for correction in corrections:
        torch.testing.assert_close(Guided(denoiser, measured, correction)(x_t, level), exact, rtol=1e-8, atol=1e-8)


def test_a_dps_step_is_an_euler_step_and_a_step_along_the_gradient() -> None:
    world = WORLDS["fixed8"]()
    sigmas = karras.karras_sigmas(6, 0.05, 10.0)
    x = 10 * torch.randn(4, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.randn(4, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    operator = Mask((torch.arange(8) < 4).double()[None])
    guided = Guided(world.mixture.denoiser, Measurement(operator(y), operator, 0.1), DPS(sigmas, 0.3))
    found = karras.sample_euler(guided, x, sigmas[:2], disable=True)
    point = x.clone().requires_grad_()
    h = world.mixture.denoiser(point, sigmas[0].expand(4))
    norms = (operator(y) - operator(h)).norm(dim=1)
    (gradient,) = torch.autograd.grad(norms.sum(), point)
    plain = x + (x - h.detach()) / sigmas[0] * (sigmas[1] - sigmas[0])
    torch.testing.assert_close(found, plain - 0.3 * gradient, rtol=1e-9, atol=1e-9)


def _coordinates(x_t: Tensor, level: Level | Tensor) -> Tensor:
    """A denoiser of each coordinate for itself, by no product of matrices: every bit is a function of its own row."""
    sigma = (level.sigma if isinstance(level, Level) else level)[:, None]
    return torch.tanh(x_t / (sigma**2 + 0.25))


@pytest.mark.parametrize("name", ["dps", "mmps", "pigdm", "proximal"])
def test_a_sample_does_not_depend_on_those_beside_it(name: str) -> None:
    sigmas = karras.karras_sigmas(5, 0.05, 10.0)
    corrections: dict[str, Correction] = {
        "dps": DPS(sigmas, 0.5),
        "mmps": MMPS(),
        "pigdm": PiGDM(0.5),
        "proximal": Proximal(0.5),
    }
    source = torch.Generator().manual_seed(0)
    x = 10 * torch.randn(64, 8, generator=source)
    operator = Mask((torch.rand(64, 8, generator=source) > 0.5).float())
    y = operator(torch.randn(64, 8, generator=source))

    def run(rows: slice, correction: Correction) -> Tensor:
        guided = Guided(_coordinates, Measurement(y[rows], operator[rows], 0.1), correction)
        return karras.sample_euler(guided, x[rows], sigmas.float(), disable=True)

    whole = run(slice(None), corrections[name])
    assert torch.equal(run(slice(7, 8), corrections[name]), whole[7:8])
    if name == "dps":
        batchwise = run(slice(None), DPS(sigmas, 0.5, over_batch=True))
        assert float((batchwise - whole).abs().max()) > 0.1


def test_without_noise_the_measurements_are_met() -> None:
    x, y = torch.randn(2, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    operator: Operator = Mask(torch.tensor([[1.0, 0.0, 1.0, 0.0]], dtype=torch.float64))
    found = Guided(_coordinates, Measurement(operator(y), operator, 0.0), Proximal(0.5))(x, VE().level(0.5))
    torch.testing.assert_close(operator(found), operator(y))
    everything = Guided(_coordinates, Measurement(y, Identity(), 0.0), Proximal(0.5))(x, VE().level(0.5))
    torch.testing.assert_close(everything, y)


def test_what_does_not_fit_is_named() -> None:
    measured = Measurement(torch.zeros(2, 4), Identity(), 0.1)
    with pytest.raises(ValueError, match="3 samples, but measurements of 2"):
        Guided(_coordinates, measured, MMPS())(torch.zeros(3, 4), VE().level(1.0))
    dps = DPS(karras.karras_sigmas(3, 0.1, 1.0), 0.3)
    with pytest.raises(ValueError, match="alpha must be 1"):
        Guided(_coordinates, measured, dps)(torch.zeros(2, 4), VP().level(0.5))
    with pytest.raises(ValueError, match="sigma 0 is not above the last level of the grid"):
        Guided(_coordinates, measured, dps)(torch.zeros(2, 4), VE().level(0.0))
