from __future__ import annotations

from itertools import pairwise

import diffusers
import pytest
import torch
from hypothesis import given

from ambient import kernels, tweedie
from ambient.process import VE, VP, Flow, Level
from ambient.schedules import Discrete
from tests.ambient.test_process import SDXL
from tests.exact import Mixture, relative_error, two_levels

ALL = [kernels.ancestral, kernels.euler_maruyama, kernels.euler_maruyama_sigma, kernels.ddim]


def _diffusers_ddim(eta: float, t: int, steps: int) -> tuple[diffusers.DDIMScheduler, int]:
    scheduler = diffusers.DDIMScheduler(**SDXL, clip_sample=False, set_alpha_to_one=False)
    scheduler.set_timesteps(steps)
    return scheduler, t - 1000 // steps


@pytest.mark.parametrize("t", [40, 480, 960])
def test_ancestral_and_ddim_are_diffusers_ddim(t: int) -> None:
    """eta = 1 and eta = 0 on SDXL's schedule."""
    process = Discrete.from_scheduler(diffusers.DDIMScheduler(**SDXL))
    x_t, epsilon, noise = torch.randn(3, 2, 4, dtype=torch.float64).unbind()
    for eta, kernel in [(1.0, kernels.ancestral), (0.0, kernels.ddim)]:
        scheduler, s = _diffusers_ddim(eta, t, 25)
        theirs = scheduler.step(epsilon, t, x_t, eta=eta, variance_noise=noise if eta else None).prev_sample
        level, target = process.level(float(t)), process.level(float(s))
        x_0 = tweedie.to_x_0(epsilon, x_t, level, "epsilon")
        ours = kernel(x_0, x_t, level, target).sample(noise)
        assert relative_error(ours, theirs) <= 2e-6


@given(two_levels())
def test_moments_against_the_exact_kernel_of_a_gaussian(levels: tuple[Level, Level]) -> None:
    """For X_0 ~ N(m, c), p(x_s|x_t) is known: all kernels but P1 2.3 and DDIM have its mean; one has its variance."""
    s, t = levels
    m, c = 0.7, 0.4
    x = torch.randn(5, 1, dtype=torch.float64)
    var_s, var_t = s.alpha**2 * c + s.sigma**2, t.alpha**2 * c + t.sigma**2
    rho = t.alpha / s.alpha
    mean = s.alpha * m + rho * var_s / var_t * (x - t.alpha * m)
    variance = var_s - (rho * var_s) ** 2 / var_t
    h = m + t.alpha * c / var_t * (x - t.alpha * m)
    for kernel in (kernels.ancestral, kernels.euler_maruyama):
        assert relative_error(kernel(h, x, t, s).mean, mean) <= 1e-10
    jacobian = (t.alpha * c / var_t).reshape(1, 1, 1).expand(5, 1, 1)
    matched = kernels.covariance_matched(h, x, t, s, jacobian)
    assert relative_error(matched.mean, mean) <= 1e-10
    assert float(matched.std[0, 0, 0] ** 2) == pytest.approx(float(variance), rel=1e-9)
    posterior = c - (t.alpha * c) ** 2 / var_t
    a, _ = tweedie.nature_coefficients(s, t)
    q = float(variance - a**2 * posterior)
    assert float(kernels.ancestral(h, x, t, s).std ** 2) == pytest.approx(q, rel=1e-6)


def test_printed_forms_in_ve_coordinates() -> None:
    """P1 eq. 2.3 (sigma) and its sigma^2 form, written out for VE, and the same law for VP and flow matching."""
    big, small = 0.9, 0.6
    x, h = torch.randn(2, 4, 2, dtype=torch.float64).unbind()
    t, s = VE().level(big), VE().level(small)
    em = kernels.euler_maruyama(h, x, t, s)
    assert torch.allclose(em.mean, x + (1 - small**2 / big**2) * (h - x), rtol=1e-13)
    assert float(em.std) == pytest.approx((big**2 - small**2) ** 0.5, rel=1e-14)
    ems = kernels.euler_maruyama_sigma(h, x, t, s)
    assert torch.allclose(ems.mean, x + 2 * (big - small) / big * (h - x), rtol=1e-13)
    assert float(ems.std) == pytest.approx((big**2 - small**2) ** 0.5, rel=1e-14)
    for process in (VP(), Flow()):
        level, target = (process.level(process.time(v)) for v in (t, s))
        for kernel in ALL:
            ours = kernel(h, level.alpha * x, level, target)
            ve = kernel(h, x, t, s)
            assert torch.allclose(ours.mean, target.alpha * ve.mean, rtol=1e-12)
            assert torch.allclose(ours.std, target.alpha * ve.std, rtol=1e-10, atol=1e-12)


def test_covariance_square_root_and_clipping() -> None:
    t, s = VE().level(1.0), VE().level(0.5)
    root = torch.randn(3, 3, dtype=torch.float64)
    jacobian = torch.stack([0.1 * root @ root.T, -torch.eye(3, dtype=torch.float64)])
    x = torch.zeros(2, 3, dtype=torch.float64)
    step = kernels.covariance_matched(x, x, t, s, jacobian)
    a, q = 0.75, 0.75 * 0.25
    wanted = q * torch.eye(3, dtype=torch.float64) + a**2 * jacobian[0]
    assert torch.allclose(step.std[0] @ step.std[0].T, wanted, rtol=1e-12)
    assert torch.allclose(step.std[1] @ step.std[1].T, q * torch.eye(3, dtype=torch.float64), rtol=1e-12)
    noise = torch.randn(2, 3, dtype=torch.float64)
    assert torch.allclose(step.sample(noise)[0], step.mean[0] + step.std[0] @ noise[0], rtol=1e-12)


@pytest.mark.parametrize("kernel", ALL)
def test_noisier_targets_are_refused(kernel: kernels.Kernel) -> None:
    x = torch.zeros(1, 2)
    with pytest.raises(ValueError, match="cleaner"):
        kernel(x, x, VE().level(0.5), VE().level(1.0))


def test_many_small_ancestral_steps_reach_the_data() -> None:
    """The chain of kernels from t to 0 has the mixture's mean and covariance, to the Monte Carlo error."""
    mixture, n = Mixture.random(3, 2, 2), 20_000
    g = torch.Generator().manual_seed(0)
    sigmas = torch.logspace(1.3, -2, 240, dtype=torch.float64)
    x = mixture.sample(n, 1) + sigmas[0] * torch.randn(n, 2, generator=g, dtype=torch.float64)
    for now, later in pairwise(sigmas):
        t, s = VE().level(now), VE().level(later)
        x = kernels.ancestral(mixture.mean_given(x, t, Level.clean()), x, t, s).sample(
            torch.randn(n, 2, generator=g, dtype=torch.float64)
        )
    mean = mixture.weights @ mixture.means
    centred = mixture.means - mean
    covariance = (mixture.weights[:, None, None] * (mixture.covariances + centred[:, :, None] * centred[:, None])).sum(
        0
    )
    assert torch.allclose(x.mean(0), mean, atol=5 * float(covariance.diagonal().max().sqrt()) / n**0.5)
    assert torch.allclose(torch.cov(x.T), covariance, rtol=0.04, atol=0.03)


def test_from_pure_noise_the_kernels_lead_on_or_refuse() -> None:
    """At alpha_t = 0 nothing is known but h: x_s is alpha_s h and noise, drawn or kept."""
    noise, target = Level(torch.tensor(0.0).double(), torch.tensor(2.0).double()), VP().level(0.6)
    h, x = torch.randn(2, 3, 4, dtype=torch.float64)
    step = kernels.ancestral(h, x, noise, target)
    assert torch.allclose(step.mean, 0.8 * h)
    assert float(step.std) == pytest.approx(0.6)
    assert torch.allclose(kernels.ddim(h, x, noise, target).mean, 0.8 * h + 0.6 * x / 2)
    for kernel in (kernels.euler_maruyama, kernels.euler_maruyama_sigma):
        with pytest.raises(ValueError, match="divides by alpha_t"):
            kernel(h, x, noise, target)
    with pytest.raises(ValueError, match="divides by alpha_t"):
        kernels.covariance_matched(h, x, noise, target, torch.eye(4).expand(3, 4, 4).double())
