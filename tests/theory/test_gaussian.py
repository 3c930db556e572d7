from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ambient import kernels
from ambient.process import VE, VP, Flow, Level, Process
from tests.exact import relative_error, two_levels
from theory.gaussian import LinearProblem, consistent, implied_covariance, optimal
from theory.mixture import GaussianMixture

SEEDS = st.integers(0, 10**6)
PROCESSES: dict[str, tuple[Process, float]] = {"VE": (VE(), 2.0), "VP": (VP(), 0.9), "flow": (Flow(), 0.8)}


def covariance(seed: int, d: int) -> Tensor:
    root = torch.randn(d, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return 0.5 * root @ root.mT / d + 0.2 * torch.eye(d, dtype=torch.float64)


def ladder(name: str, count: int = 8) -> Level:
    process, last = PROCESSES[name]
    return process.level(torch.linspace(0.1 * last, last, count, dtype=torch.float64))


@given(two_levels(), SEEDS, st.integers(1, 4))
def test_the_optimal_matrix_is_the_posterior_mean(levels: tuple[Level, Level], seed: int, d: int) -> None:
    law = GaussianMixture(torch.zeros(1, d), covariance(seed, d)[None])
    x = torch.randn(10, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for level in levels:
        assert relative_error(x @ optimal(covariance(seed, d), level).mT, law.posterior_mean(x, level)) <= 1e-12


@given(two_levels(), SEEDS, st.integers(1, 4))
def test_the_covariance_is_read_back(levels: tuple[Level, Level], seed: int, d: int) -> None:
    truth = covariance(seed, d)
    for level in levels:
        matrix = optimal(truth, level)
        blurred = float(level.ratio**2) + 1
        assert relative_error(implied_covariance(matrix, level), truth) <= 1e-13 * blurred * 10
        assert relative_error(consistent(torch.linalg.inv(truth), level), matrix) <= 1e-12 * blurred


@settings(max_examples=15)
@given(st.sampled_from(sorted(PROCESSES)), SEEDS, st.integers(1, 3), st.integers(0, 6))
def test_both_terms_together_recover_the_covariance(name: str, seed: int, d: int, nature: int) -> None:
    truth, levels = covariance(seed, d), ladder(name)
    problem = LinearProblem.of(truth, levels, nature)
    exact = optimal(truth, levels)
    assert float(problem.residuals(exact).abs().max()) <= 1e-13
    found = problem.minimise()
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-10)
    assert relative_error(implied_covariance(found[0], levels[0]), truth) <= 1e-9
    assert problem.null_directions(exact) == 0


@given(st.sampled_from(sorted(PROCESSES)), SEEDS, st.integers(1, 3), st.integers(0, 6))
def test_each_term_alone_leaves_a_family(name: str, seed: int, d: int, nature: int) -> None:
    truth, levels = covariance(seed, d), ladder(name)
    ambient = LinearProblem.of(truth, levels, nature, consistency=False)
    assert ambient.null_directions(optimal(truth, levels)) == d * d * (nature + 1)
    another = consistent(covariance(seed + 1, d) + 0.1 * torch.ones(d, d).triu(1), levels)
    alone = LinearProblem.of(truth, levels, nature, ambient=False)
    assert float(alone.residuals(another).abs().max()) <= 1e-13
    assert alone.null_directions(another) == d * d
    assert float(LinearProblem.of(truth, levels, nature).residuals(another).abs().max()) > 1e-4


@given(st.sampled_from(sorted(PROCESSES)), SEEDS, st.integers(1, 3))
def test_ambient_residuals_are_the_objective_up_to_a_constant(name: str, seed: int, d: int) -> None:
    truth, levels, n, j = covariance(seed, d), ladder(name), 3, 6
    problem = LinearProblem.of(truth, levels, n, consistency=False)
    nature, level = levels[n], levels[j]
    eye = torch.eye(d, dtype=torch.float64)
    cov_n, cov_t = (x.alpha**2 * truth + x.sigma**2 * eye for x in (nature, level))
    cross = level.alpha / nature.alpha * cov_n
    a = 1 / nature.alpha * (nature.alpha**2 - level.alpha**2 * nature.sigma**2 / level.sigma**2)
    b = level.alpha / nature.alpha * nature.sigma**2 / level.sigma**2

    def objective(matrix: Tensor) -> float:
        whole = a * matrix + b * eye
        return float((whole @ cov_t @ whole.mT - 2 * whole @ cross.mT + cov_n).trace())

    start = optimal(truth, levels)
    moved = start.clone()
    moved[j] += covariance(seed + 7, d)
    gained = problem.residuals(moved).square().sum() - problem.residuals(start).square().sum()
    assert float(gained) == pytest.approx(objective(moved[j]) - objective(start[j]), rel=1e-9, abs=1e-12)


def test_the_euler_kernel_shifts_the_minimiser_to_first_order() -> None:
    truth, errors = covariance(3, 2), []
    for count in (10, 20, 40):
        width = 0.5 / count
        levels = VE().level(0.5 + width * torch.arange(count + 4, dtype=torch.float64))
        problem = LinearProblem.of(truth, levels, count, kernel=kernels.euler_maruyama_sigma)
        errors.append(relative_error(implied_covariance(problem.minimise()[0], levels[0]), truth))
    orders = [torch.tensor(a / b).log2().item() for a, b in itertools.pairwise(errors)]
    assert orders[1] == pytest.approx(1.0, abs=0.1)
    assert errors[2] == pytest.approx(0.5 / 40 * (1 / 0.5 - 1 / 1.0), rel=0.1)


def test_the_minimiser_needs_the_noisy_covariance_only() -> None:
    truth, levels = covariance(1, 2), ladder("VP")
    nature = levels[3]
    observed = nature.alpha**2 * truth + nature.sigma**2 * torch.eye(2, dtype=torch.float64)
    found = LinearProblem(levels, 3, observed).minimise()
    torch.testing.assert_close(found, optimal(truth, levels), rtol=0, atol=1e-10)


@pytest.mark.parametrize("nature", [-1, 7, 8])
def test_a_nature_level_outside_the_ladder_is_named(nature: int) -> None:
    with pytest.raises(ValueError, match=r"one of 0\.\.6"):
        LinearProblem(ladder("VE"), nature, covariance(0, 2))
