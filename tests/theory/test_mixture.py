from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ambient.process import VE, VP, Flow, Level
from tests.exact import Mixture, relative_error, two_levels
from theory.mixture import GaussianMixture
from theory.statements.worlds import gradient, jacobian

SEEDS = st.integers(0, 10**6)
COMPONENTS = st.integers(1, 5)
DIMENSIONS = st.integers(1, 4)


def world(seed: int, components: int = 3, d: int = 3) -> tuple[GaussianMixture, Mixture]:
    """A random mixture, and the same for the tests' own conditioning."""
    oracle = Mixture.random(seed, components, d)
    return GaussianMixture(oracle.means, oracle.covariances, oracle.weights), oracle


def points(law: GaussianMixture, level: Level, seed: int, n: int = 16) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return level.perturb(law.sample(n, g), torch.randn(n, law.dimension, generator=g, dtype=torch.float64))


def gaussian_log_density(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    return torch.from_numpy(
        np.atleast_1d(scipy.stats.multivariate_normal(mean.numpy(), covariance.numpy()).logpdf(x.numpy()))
    )


@given(two_levels(), SEEDS, COMPONENTS, DIMENSIONS)
def test_log_density_is_scipys(levels: tuple[Level, Level], seed: int, components: int, d: int) -> None:
    law, oracle = world(seed, components, d)
    for level in (*levels, Level.clean()):
        x = points(law, level, seed)
        noise = level.sigma**2 * torch.eye(d, dtype=torch.float64)
        parts = [
            oracle.weights[k].log()
            + gaussian_log_density(x, level.alpha * oracle.means[k], level.alpha**2 * oracle.covariances[k] + noise)
            for k in range(components)
        ]
        ours = law.log_density(x, level)
        torch.testing.assert_close(ours, torch.stack(parts).logsumexp(0), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(law.at(level).log_density(x, Level.clean()), ours, rtol=1e-9, atol=1e-9)


@given(two_levels(), SEEDS, COMPONENTS, DIMENSIONS)
def test_score_is_the_gradient_of_the_log_density(
    levels: tuple[Level, Level], seed: int, components: int, d: int
) -> None:
    law, _ = world(seed, components, d)
    x = points(law, levels[0], seed)
    slope = gradient(lambda y: law.log_density(y, levels[0]), x)
    assert relative_error(law.score(x, levels[0]), slope) <= 1e-11


@given(two_levels(), SEEDS, COMPONENTS, DIMENSIONS)
def test_conditional_means_are_those_of_joint_gaussians(
    levels: tuple[Level, Level], seed: int, components: int, d: int
) -> None:
    law, oracle = world(seed, components, d)
    target, level = levels
    x = points(law, level, seed)
    clean = oracle.mean_given(x, level, Level.clean())
    assert relative_error(law.posterior_mean(x, level), clean) <= 1e-11
    assert relative_error(law.reverse_kernel(x, level, target).mean(), oracle.mean_given(x, level, target)) <= 1e-11


@given(two_levels(), SEEDS, COMPONENTS, DIMENSIONS)
def test_posterior_covariance_is_second_order_tweedie(
    levels: tuple[Level, Level], seed: int, components: int, d: int
) -> None:
    law, _ = world(seed, components, d)
    level = levels[1]
    x = points(law, level, seed, 6)
    slope = jacobian(lambda y: law.posterior_mean(y, level), x)
    assert relative_error(law.posterior_covariance(x, level), level.sigma**2 / level.alpha * slope) <= 1e-10


@given(two_levels(), SEEDS, COMPONENTS, DIMENSIONS)
def test_reverse_kernel_is_bayes_rule(levels: tuple[Level, Level], seed: int, components: int, d: int) -> None:
    law, _ = world(seed, components, d)
    target, level = levels
    step = target.transition_to(level)
    (x_t,) = points(law, level, seed, 1)
    x_s = points(law, target, seed + 1, 8)
    kernel = law.reverse_kernel(x_t[None], level, target)
    parts = [
        kernel.weights[0, k].log() + gaussian_log_density(x_s, kernel.means[0, k], kernel.covariances[0, k])
        for k in range(components)
    ]
    forward = scipy.stats.norm(x_t.numpy(), float(step.std)).logpdf((step.scale * x_s).numpy()).sum(1)
    bayes = law.log_density(x_s, target) + torch.from_numpy(forward) - law.log_density(x_t[None], level)
    torch.testing.assert_close(torch.stack(parts).logsumexp(0), bayes, rtol=1e-8, atol=1e-8)
    mean = (kernel.weights[..., None] * kernel.means).sum(1)
    second = torch.einsum("bk,bkde->bde", kernel.weights, kernel.covariances) + torch.einsum(
        "bk,bkd,bke->bde", kernel.weights, kernel.means, kernel.means
    )
    torch.testing.assert_close(kernel.mean(), mean, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        kernel.covariance(), second - mean[:, :, None] * mean[:, None], rtol=1e-7, atol=1e-8 * float(second.abs().max())
    )


@given(two_levels(), SEEDS, COMPONENTS, DIMENSIONS)
def test_isotropic_components_are_multiples_of_the_identity(
    levels: tuple[Level, Level], seed: int, components: int, d: int
) -> None:
    full, oracle = world(seed, components, d)
    variances = oracle.covariances.diagonal(dim1=1, dim2=2).mean(1)
    matrices = variances[:, None, None] * torch.eye(d, dtype=torch.float64)
    isotropic = GaussianMixture(oracle.means, variances, oracle.weights)
    full = GaussianMixture(oracle.means, matrices, oracle.weights)
    target, level = levels
    x = points(full, level, seed)
    for method in ("log_density", "score", "posterior_mean", "posterior_covariance", "responsibilities"):
        a, b = getattr(isotropic, method)(x, level), getattr(full, method)(x, level)
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9)
    a, b = isotropic.reverse_kernel(x, level, target), full.reverse_kernel(x, level, target)
    torch.testing.assert_close(a.means, b.means, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(a.covariances, b.covariances, rtol=1e-9, atol=1e-9)


@given(SEEDS, st.booleans())
def test_levels_may_differ_from_sample_to_sample(seed: int, isotropic: bool) -> None:
    law, oracle = world(seed)
    if isotropic:
        law = GaussianMixture(oracle.means, oracle.covariances[:, 0, 0], oracle.weights)
    times = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    x = points(law, VP().level(0.5), seed, 3)
    together = law.reverse_kernel(x, VP().level(times), VP().level(times / 2))
    for i, t in enumerate(times):
        alone = law.reverse_kernel(x[i : i + 1], VP().level(t), VP().level(t / 2))
        torch.testing.assert_close(together.mean()[i : i + 1], alone.mean())
        torch.testing.assert_close(together.means[i : i + 1], alone.means)
        torch.testing.assert_close(together.covariance()[i : i + 1], alone.covariance())
        torch.testing.assert_close(law.score(x, VP().level(times))[i : i + 1], law.score(x[i : i + 1], VP().level(t)))


def test_samples_have_the_law_of_the_mixture() -> None:
    law, oracle = world(5, 3, 2)
    x = law.sample(100_000, torch.Generator().manual_seed(0))
    mean = (oracle.weights[:, None] * oracle.means).sum(0)
    spread = oracle.means - mean
    covariance = torch.einsum("k,kde->de", oracle.weights, oracle.covariances + spread[:, :, None] * spread[:, None])
    torch.testing.assert_close(x.mean(0), mean, atol=0.02, rtol=0)
    torch.testing.assert_close(x.T.cov(), covariance, atol=0.05, rtol=0)


@pytest.mark.parametrize("isotropic", [False, True])
def test_kernel_samples_have_the_law_of_the_kernel(isotropic: bool) -> None:
    law, oracle = world(3, 3, 2)
    if isotropic:
        law = GaussianMixture(oracle.means, oracle.covariances[:, 0, 0], oracle.weights)
    level, target = VP().level(0.8), VP().level(0.4)
    x = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    kernel = law.reverse_kernel(x.repeat(50_000, 1), level, target)
    samples = kernel.sample(torch.Generator().manual_seed(1))
    direction = torch.tensor([0.6, 0.8], dtype=torch.float64)
    means = (kernel.means[0] @ direction).numpy()
    stds = (kernel.covariances[0] @ direction @ direction).sqrt().numpy()

    def distribution(values: np.ndarray) -> np.ndarray:
        return (kernel.weights[0].numpy() * scipy.stats.norm.cdf((values[:, None] - means) / stds)).sum(1)

    assert scipy.stats.kstest((samples @ direction).numpy(), distribution).pvalue > 1e-3


def test_two_exact_steps_are_one() -> None:
    law, _ = world(7, 3, 1)
    level, between, target = VE().level(1.5), VE().level(0.9), VE().level(0.3)
    x = torch.full((40_000, 1), 0.7, dtype=torch.float64)
    g = torch.Generator().manual_seed(2)
    middle = law.reverse_kernel(x, level, between).sample(g)
    twice = law.reverse_kernel(middle, between, target).sample(g)
    once = law.reverse_kernel(x, level, target).sample(g)
    assert scipy.stats.ks_2samp(twice[:, 0].numpy(), once[:, 0].numpy()).pvalue > 1e-3


@pytest.fixture(scope="module")
def large() -> GaussianMixture:
    g = torch.Generator().manual_seed(0)
    return GaussianMixture(
        torch.randn(1000, 3072, generator=g),
        torch.full((1000,), 0.01, dtype=torch.float64),
        torch.rand(1000, generator=g) + 0.1,
    )


@pytest.mark.parametrize("sigma", [1e-3, 0.1, 2.0, 80.0])
def test_large_mixtures_stay_exact(large: GaussianMixture, sigma: float) -> None:
    level = VE().level(sigma)
    x = points(large, level, 1, 4)
    spread = 0.01 + sigma**2
    offset = x[:, None] - large.means
    assert large.weights is not None
    exponents = large.weights.log() - offset.square().sum(2) / (2 * spread)
    log_density = exponents.logsumexp(1) - 1536 * math.log(2 * math.pi * spread)
    torch.testing.assert_close(large.log_density(x, level), log_density, rtol=1e-10, atol=0)
    shares = exponents.softmax(1)
    mean = torch.einsum("bk,bkd->bd", shares, large.means + 0.01 / spread * offset)
    torch.testing.assert_close(large.posterior_mean(x, level), mean, rtol=1e-8, atol=1e-8)
    assert bool(large.score(x, level).isfinite().all())


def test_posterior_covariances_of_large_mixtures(large: GaussianMixture) -> None:
    level = VE().level(12.0)  # where several components share the posterior
    x = points(large, level, 2, 1)
    kernel = large.reverse_kernel(x, level, Level.clean())
    covariance = kernel.covariance()[0]
    assert 0.01 < float(kernel.weights.max()) < 0.99
    within = 3072 * float(kernel.variances[0, 0, 0])
    squares = float(kernel.weights[0] @ kernel.means[0].square().sum(1))
    assert float(covariance.trace()) == pytest.approx(within + squares - float(kernel.mean().square().sum()), rel=1e-9)
    direction = torch.nn.functional.normalize(torch.ones(3072, dtype=torch.float64), dim=0)
    along = kernel.means[0] @ direction
    spread = float(kernel.weights[0] @ along**2 - (kernel.weights[0] @ along) ** 2)
    assert float(direction @ covariance @ direction) == pytest.approx(within / 3072 + spread, rel=1e-9)


def test_a_denoiser_of_images_in_single_precision(large: GaussianMixture) -> None:
    sigma = torch.tensor([0.05, 0.5, 1.0, 40.0])
    images = large.sample(4, torch.Generator().manual_seed(3)).float().reshape(4, 3, 32, 32)
    noisy = images + sigma[:, None, None, None] * torch.randn(images.shape, generator=torch.Generator().manual_seed(4))
    denoised = large.denoiser(noisy, sigma)
    assert denoised.dtype == torch.float32
    assert denoised.shape == images.shape
    exact = large.posterior_mean(noisy.flatten(1).double(), Level(torch.ones(4), sigma))
    torch.testing.assert_close(denoised.flatten(1).double(), exact, rtol=0, atol=1e-6)
    shrunk = (0.01 * 0.25 / 0.26) ** 0.5  # the component is known at sigma = 0.5
    assert float((denoised[1] - images[1]).square().mean().sqrt()) == pytest.approx(shrunk, rel=0.1)


def test_gradients_flow_through_the_denoiser() -> None:
    law, _ = world(11, 3, 2)
    x = points(law, Flow().level(0.4), 0, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: law.denoiser(y, Flow().level(0.4)), (x,))


def test_pure_noise_leaves_the_mean_of_the_data() -> None:
    law, oracle = world(2)
    x = torch.randn(5, 3, dtype=torch.float64)
    mean = (oracle.weights[:, None] * oracle.means).sum(0).expand(5, 3)
    torch.testing.assert_close(law.posterior_mean(x, VP().level(1.0)), mean)
    torch.testing.assert_close(law.score(x, VP().level(1.0)), -x)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_agrees(large: GaussianMixture) -> None:
    level = VE().level(0.5)
    x = points(large, level, 1, 8)
    there = large.to("cuda").posterior_mean(x.cuda(), level)
    torch.testing.assert_close(there.cpu(), large.posterior_mean(x, level), rtol=1e-9, atol=1e-9)


def test_bad_input_is_named() -> None:
    means, eye = torch.zeros(2, 3), torch.eye(3).expand(2, 3, 3)
    with pytest.raises(ValueError, match=r"means \(K, d\) and covariances"):
        GaussianMixture(means, torch.eye(3))
    with pytest.raises(ValueError, match="positive weights"):
        GaussianMixture(means, eye, torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="symmetric"):
        GaussianMixture(means, eye + torch.triu(torch.ones(3, 3), 1))
    with pytest.raises(ValueError, match="semi-definite"):
        GaussianMixture(means, -eye)
    with pytest.raises(ValueError, match="no density"):
        GaussianMixture(means, torch.zeros(2)).log_density(torch.zeros(1, 3), Level.clean())
    with pytest.raises(ValueError, match="SNR_target <= SNR_source"):
        GaussianMixture(means, eye).reverse_kernel(torch.zeros(1, 3), VE().level(0.1), VE().level(0.2))
