import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ambient import tweedie
from ambient.data.noisy_copy import noisy_copy
from ambient.process import VE, VP, Flow
from theory.empirical import EmpiricalDenoiser, HybridOptimum, collapse_level, neighbours
from theory.mixture import GaussianMixture

PROCESSES = {"VE": (VE(), 3.0), "VP": (VP(), 0.999), "Flow": (Flow(), 0.98)}


def points(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def direct_mean(data: torch.Tensor, x: torch.Tensor, rho: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Softmax over explicit distances, all of them in memory."""
    distance = torch.cdist(x, rho * data, compute_mode="donot_use_mm_for_euclid_dist")
    return (-(distance**2) / (2 * v)).softmax(1) @ data


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(PROCESSES)),
    n=st.integers(1, 40),
    d=st.integers(1, 12),
    time=st.floats(0.02, 1.0),
    nature=st.floats(0.0, 0.9),
    seed=st.integers(0, 10**6),
)
def test_agrees_with_a_direct_softmax_at_any_level(name, n, d, time, nature, seed):
    process, last = PROCESSES[name]
    t = time * last
    observed = process.level(nature * t)
    level = process.level(t)
    data, x = points(n, d, seed), points(7, d, seed + 1) * 2
    rho = level.alpha / observed.alpha
    v = level.sigma**2 - rho**2 * observed.sigma**2
    x_n = direct_mean(data, x, rho, v)
    denoiser = EmpiricalDenoiser(data, observed, rows=5, queries=3)
    torch.testing.assert_close(denoiser.nature_mean(x, level), x_n, rtol=1e-10, atol=1e-10)
    a, b = tweedie.nature_coefficients(observed, level)
    torch.testing.assert_close(a * denoiser(x, level) + b * x, x_n, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(denoiser.score(x, level), (rho * x_n - x) / v, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 20.0])
def test_images_of_3072_pixels(sigma):
    data = points(600, 3072, 0)
    level = VE().level(sigma)
    x = level.perturb(data[:20], points(20, 3072, 1))
    expected = direct_mean(data, x, level.alpha, level.sigma**2)
    torch.testing.assert_close(EmpiricalDenoiser(data, rows=128)(x, level), expected, rtol=1e-9, atol=1e-9)
    single = EmpiricalDenoiser(data.float(), rows=128)(x.float(), level)
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=2e-4)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 70), queries=st.integers(1, 40), seed=st.integers(0, 1000))
def test_chunks_change_nothing(rows, queries, seed):
    data, x, level = points(61, 5, seed), points(33, 5, seed + 1), VP().level(0.7)
    whole = EmpiricalDenoiser(data, rows=1000, queries=1000).posterior(x, level)
    chunked = EmpiricalDenoiser(data, rows=rows, queries=queries).posterior(x, level)
    for name in ("mean", "largest", "neighbours", "log_density"):
        torch.testing.assert_close(getattr(chunked, name), getattr(whole, name), rtol=1e-12, atol=1e-12)


def test_weights_and_density_by_enumeration():
    data, x, level = points(30, 3, 2), points(11, 3, 3), VP().level(0.6)
    posterior = EmpiricalDenoiser(data, rows=7).posterior(x, level)
    normal = torch.distributions.Normal(level.alpha * data, level.sigma)
    log_joint = normal.log_prob(x[:, None]).sum(-1) - math.log(30)
    weights = log_joint.softmax(1)
    torch.testing.assert_close(posterior.log_density, log_joint.logsumexp(1))
    torch.testing.assert_close(posterior.largest, weights.amax(1))
    torch.testing.assert_close(posterior.neighbours, 1 / weights.square().sum(1))


def test_score_is_the_gradient_of_the_log_density():
    data, level = points(20, 4, 4), VE().level(0.8)
    denoiser = EmpiricalDenoiser(data, rows=6)
    x = points(9, 4, 5).requires_grad_()
    (gradient,) = torch.autograd.grad(denoiser.posterior(x, level).log_density.sum(), x)
    torch.testing.assert_close(gradient, denoiser.score(x, level))


def test_a_level_for_each_sample():
    data, x = points(20, 4, 6), points(5, 4, 7)
    sigma = torch.tensor([0.01, 0.1, 1.0, 10.0, 1e3], dtype=torch.float64)
    denoiser = EmpiricalDenoiser(data, queries=2)
    together = denoiser(x, sigma)
    for i in range(5):
        torch.testing.assert_close(together[i : i + 1], denoiser(x[i : i + 1], VE().level(sigma[i])))


def test_the_limits_are_the_nearest_point_and_the_mean():
    data, x = points(50, 6, 8), points(10, 6, 9)
    nature = VE().level(0.5)
    denoiser = EmpiricalDenoiser(data, nature)
    nearest = data[torch.cdist(x, data).argmin(1)]
    torch.testing.assert_close(denoiser.nature_mean(x, nature), nearest)
    torch.testing.assert_close(EmpiricalDenoiser(data)(x, VE().level(1e-9)), nearest)
    torch.testing.assert_close(EmpiricalDenoiser(data)(x, VE().level(1e9)), data.mean(0).expand(10, -1))


def test_the_precision_that_others_chose_is_left_alone_and_not_used():
    data, x = points(64, 8, 10).float(), points(9, 8, 11).float()
    expected = EmpiricalDenoiser(data)(x, VE().level(0.3))
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = EmpiricalDenoiser(data)(x, VE().level(0.3))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_half_precision_rounds_the_samples_and_nothing_else():
    data, x = points(64, 300, 20).float(), points(9, 300, 21).bfloat16()
    found = EmpiricalDenoiser(data).nature_mean(x, VE().level(3.0))
    torch.testing.assert_close(found, EmpiricalDenoiser(data).nature_mean(x.float(), VE().level(3.0)).bfloat16())


def test_memory_does_not_grow_with_the_set():
    def largest_allocation(n: int) -> int:
        data, x = torch.randn(n, 16), torch.randn(8, 16)
        denoiser = EmpiricalDenoiser(data, rows=256)
        with torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            denoiser(x, VE().level(1.0))
        return max(event.cpu_memory_usage for event in profile.events())

    assert largest_allocation(64 * 256) == largest_allocation(4 * 256)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), sigma=st.floats(0.2, 2.0))
def test_the_hybrid_optimum_takes_each_side_from_its_set(seed, sigma):
    data, nature = points(15, 3, seed), VE().level(sigma)
    noisy = noisy_copy(data, nature, seed, range(15))
    clean, ambient = EmpiricalDenoiser(data), EmpiricalDenoiser(noisy, nature)
    x, sigmas = points(4, 3, seed + 1), sigma * torch.tensor([0.5, 1.0, 1.5, 4.0], dtype=torch.float64)
    found = HybridOptimum(clean, ambient)(x, sigmas)
    torch.testing.assert_close(found[:2], clean(x[:2], sigmas[:2]))
    torch.testing.assert_close(found[2:], ambient(x[2:], sigmas[2:]))


def test_collapse_of_two_points_has_a_closed_form():
    # Two points a distance D apart: the weight of the right one is logistic(D^2/2s^2 + D/s u), u ~ N(0, 1).
    data = torch.tensor([[0.0], [3.0]], dtype=torch.float64)
    sigma = collapse_level(data, threshold=0.9, queries=40_000)
    u = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    density = torch.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
    right = torch.sigmoid(9 / (2 * sigma**2) + 3 / sigma * u)
    assert float(torch.trapezoid(density * torch.maximum(right, 1 - right), u)) == pytest.approx(0.9, abs=2e-3)


def test_collapse_scales_with_the_data_and_profiles_fall():
    data = points(80, 10, 12)
    sigma = collapse_level(data)
    assert collapse_level(10 * data + 3) == pytest.approx(10 * sigma, rel=1e-3)
    found = neighbours(data, [sigma / 2, sigma, 2 * sigma, 1e3 * sigma])
    assert found[1].largest == pytest.approx(0.95, abs=1e-3)
    assert [f.largest for f in found] == sorted((f.largest for f in found), reverse=True)
    assert found[-1].neighbours == pytest.approx(80, rel=1e-3)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="at least one point"):
        EmpiricalDenoiser(torch.empty(0, 3))
    with pytest.raises(ValueError, match="one level"):
        EmpiricalDenoiser(torch.zeros(3, 3), VE().level(torch.ones(3)))
    with pytest.raises(ValueError, match="shape"):
        EmpiricalDenoiser(torch.zeros(3, 3))(torch.zeros(2, 4), VE().level(1.0))
    with pytest.raises(ValueError, match="cleaner"):
        EmpiricalDenoiser(torch.zeros(3, 3), VE().level(2.0))(torch.zeros(2, 3), VE().level(1.0))
    with pytest.raises(ValueError, match=r"SNR_t < SNR_n"):
        EmpiricalDenoiser(torch.zeros(3, 3), VE().level(2.0))(torch.zeros(2, 3), VE().level(2.0))
    with pytest.raises(ValueError, match="duplicates"):
        collapse_level(torch.zeros(3, 3, dtype=torch.float64).index_fill(0, torch.tensor([0]), 1.0))
    with pytest.raises(ValueError, match="threshold"):
        collapse_level(torch.randn(3, 3), threshold=1.5)


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_agrees_with_a_mixture_of_point_masses(name):
    process, last = PROCESSES[name]
    data, level = points(25, 4, 13), process.level(0.4 * last)
    exact, found = GaussianMixture(data, torch.zeros(25)), EmpiricalDenoiser(data, rows=8)
    x = points(12, 4, 14)
    torch.testing.assert_close(found(x, level), exact.posterior_mean(x, level))
    torch.testing.assert_close(found.score(x, level), exact.score(x, level))
    torch.testing.assert_close(found.posterior(x, level).log_density, exact.log_density(x, level))
