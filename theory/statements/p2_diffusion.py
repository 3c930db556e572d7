"""P2 section 2, eqs. (1) to (6), and appendix B: the process, Tweedie's formula, and the objectives.

The truth is Gaussian conditioning, the automatic gradient of log-densities and quadrature (`theory.mixture`,
`theory.quadrature`); what is checked is `ambient` and the formulas as printed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.integrate
import scipy.optimize
import scipy.special
import torch
from torch import Tensor

from ambient import karras, tweedie
from ambient.data import Batch
from ambient.objectives import (
    AmbientScoreMatching,
    DenoisingScoreMatching,
    PlainWeight,
)
from ambient.process import VP, Level
from theory.empirical import EmpiricalDenoiser
from theory.mixture import GaussianMixture
from theory.quadrature import NodeDraws, grid, mixture_nodes, normal_nodes
from theory.statements.base import Evidence, Findings, Statement
from theory.statements.deviations import DEVIATIONS, At, deviated, expectation
from theory.statements.worlds import LEVELS, LINE, gradient, mixture, relative_error, samples

_SIGMAS = (0.3, 0.6, 0.95)


def _equation_1() -> Findings:
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    level = VP().level(t)
    x_0, z = torch.randn(2, 101, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    printed = (1 - t**2).sqrt()[:, None] * x_0 + t[:, None] * z
    return Findings(
        (
            Evidence(
                "|X_t - (sqrt(1 - s^2) X_0 + s Z)|, 101 levels", _most(level.perturb(x_0, z) - printed), "<=", 1e-14
            ),
        )
    )


def _most(x: Tensor) -> float:
    return float(x.abs().max())


def _equation_2() -> Findings:
    worst = 0.0
    for dimension in (1, 2, 5):
        law = mixture(dimension)
        for level in map(VP().level, _SIGMAS):
            x = samples(law, level)
            score = gradient(lambda y, law=law, level=level: law.log_density(y, level), x)  # type: ignore[misc]
            h = law.posterior_mean(x, level)
            printed = ((1 - level.sigma**2).sqrt() * h - x) / level.sigma**2
            worst = max(worst, relative_error(printed, score))
            worst = max(worst, relative_error(tweedie.from_x_0(h, x, level, "score"), score))
    return Findings((Evidence("relative error of the score, d = 1, 2, 5, three levels", worst, "<=", 1e-12),))


def _nodes(level: Level) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x_0, Z, x_t and weights for expectations over X_0 of `LINE` and Z."""
    (x_0, z), weights = grid(mixture_nodes(LINE, Level.clean(), 40), normal_nodes(60))
    return x_0, z, level.perturb(x_0, z), weights


def _equation_3() -> Findings:
    worst = 0.0
    for level in map(VP().level, _SIGMAS):
        x_0, z, x_t, weights = _nodes(level)
        batch = Batch(x_0, Level.clean(), torch.arange(len(x_0)))
        objective = DenoisingScoreMatching(levels=At(level), weight=PlainWeight())
        least = expectation(objective(deviated(LINE, None), batch, NodeDraws([z], [0.5])), weights)
        for delta in DEVIATIONS:
            value = expectation(objective(deviated(LINE, delta), batch, NodeDraws([z], [0.5])), weights)
            worst = max(worst, abs(value - least - float(weights @ delta(x_t)[:, 0] ** 2)))
    return Findings((Evidence("|J(h* + d) - J(h*) - E d^2|, three levels, three directions", worst, "<=", 1e-10),))


def _equation_4() -> Findings:
    excess, scale = 0.0, 0.0
    for level in map(VP().level, _SIGMAS):
        x_0, _, x_t, weights = _nodes(level)
        target = (level.alpha * x_0 - x_t) / level.sigma**2
        score = gradient(lambda y, level=level: LINE.log_density(y, level), x_t)  # type: ignore[misc]
        least = float(weights @ (score - target)[:, 0] ** 2)
        h = tweedie.to_x_0(score, x_t, level, "score")
        ratio = least / float(weights @ (h - x_0)[:, 0] ** 2)
        scale = max(scale, abs(ratio * float(level.sigma**4 / level.alpha**2) - 1))
        for delta in DEVIATIONS:
            value = float(weights @ (score + delta(x_t) - target)[:, 0] ** 2)
            excess = max(excess, abs(value - least - float(weights @ delta(x_t)[:, 0] ** 2)) / least)
    return Findings(
        (
            Evidence("|J(s* + d) - J(s*) - E d^2| / J(s*), s* the score", excess, "<=", 1e-10),
            Evidence("J over that of (3), less alpha^2 / sigma^4, relative", scale, "<=", 1e-10),
        )
    )


def _quantiles(level: Level, p: np.ndarray) -> np.ndarray:
    """Quantiles of `LINE` at a level."""
    law = LINE.at(level)
    assert law.weights is not None
    weights, means = law.weights.numpy(), law.means[:, 0].numpy()
    std = law.covariances.reshape(-1).sqrt().numpy()

    def excess(x: float, q: float) -> float:
        return float(weights @ scipy.special.ndtr((x - means) / std) - q)

    return np.array([scipy.optimize.brentq(excess, -20, 20, args=(q,), xtol=1e-13) for q in p])


def _equation_5() -> Findings:
    """Quantiles of X_t under the flow with sigma(t) = t, from t = .999 down to .05."""
    p = (np.arange(100) + 0.5) / 100
    first, last = (VP().level(t) for t in (0.999, 0.05))
    start, end = _quantiles(first, p), _quantiles(last, p)

    def score(x: np.ndarray, t: float) -> np.ndarray:
        return LINE.score(torch.from_numpy(x)[:, None], VP().level(t))[:, 0].numpy()

    def wasserstein(velocity: Callable[[float, np.ndarray], np.ndarray]) -> float:
        solution = scipy.integrate.solve_ivp(velocity, (0.999, 0.05), start, rtol=1e-9, atol=1e-11)
        return float(np.abs(np.sort(solution.y[:, -1]) - end).mean())

    return Findings(
        printed=(
            Evidence(
                "W1 to p_t under dx = (-x - s's/(1+s^2) score) dt, s(t) = t",
                wasserstein(lambda t, x: -x - t / (1 + t**2) * score(x, t)),
                "<=",
                1e-6,
            ),
        ),
        corrected=(
            Evidence(
                "W1 to p_t under dx = -s's/(1-s^2) (x + score) dt",
                wasserstein(lambda t, x: -t / (1 - t**2) * (x + score(x, t))),
                "<=",
                1e-6,
            ),
            Evidence("its velocity against that of ambient.karras, relative", _karras_flow(), "<=", 1e-11),
        ),
    )


def _karras_flow() -> float:
    """dy/dt of y = x / alpha under the corrected (5), against the slope of an Euler step of ambient.karras in sigma."""
    worst = 0.0
    for t in _SIGMAS:
        level = VP().level(t)
        alpha, x = float(level.alpha), samples(LINE, level)
        velocity = -t / (1 - t**2) * (x + LINE.score(x, level))
        found = velocity / alpha + x * t / alpha**3  # d(1/alpha)/dt = t / alpha^3
        sigmas = level.ratio * torch.tensor([1.0, 0.9], dtype=torch.float64)
        step = karras.sample_euler(LINE.denoiser, x / alpha, sigmas, disable=True) - x / alpha
        expected = step / sigmas.diff() / alpha**3  # d(t / alpha)/dt = 1 / alpha^3
        worst = max(worst, relative_error(found, expected))
    return worst


def _empirical_score() -> Findings:
    source = torch.Generator().manual_seed(0)
    data = torch.randn(12, 3, dtype=torch.float64, generator=source)
    level = VP().level(0.6)
    rows = torch.randint(12, (40,), generator=source)
    x = level.perturb(data[rows], torch.randn(40, 3, dtype=torch.float64, generator=source))
    alpha, sigma, points = float(level.alpha), float(level.sigma), data.numpy()

    def log_density(y: np.ndarray) -> np.ndarray:
        squares = ((y[:, None] - alpha * points) ** 2).sum(-1)
        log_sum: np.ndarray = scipy.special.logsumexp(-squares / (2 * sigma**2), axis=1)
        return log_sum

    step = 1e-5 * np.eye(3)
    y = x.numpy()
    numeric = np.stack([(log_density(y + e) - log_density(y - e)) / 2e-5 for e in step], axis=1)

    def printed(variance: float) -> np.ndarray:
        weight = scipy.special.softmax(-((y[:, None] - alpha * points) ** 2).sum(-1) / (2 * variance), axis=1)
        score: np.ndarray = (alpha * weight @ points - y) / sigma**2
        return score

    def error(found: np.ndarray) -> float:
        return float(np.linalg.norm(found - numeric) / np.linalg.norm(numeric))

    return Findings(
        printed=(
            Evidence("weights N(x; alpha x_0, s I): relative error of the score", error(printed(sigma)), "<=", 1e-8),
        ),
        corrected=(
            Evidence("weights N(x; alpha x_0, s^2 I)", error(printed(sigma**2)), "<=", 1e-8),
            Evidence("theory.empirical", error(EmpiricalDenoiser(data).score(x, level).numpy()), "<=", 1e-8),
        ),
    )


def _equation_6() -> Findings:
    coefficients, worst = 0.0, 0.0
    for s_n, s in ((0.3, 0.5), (0.6, 0.61), (0.2, 0.98)):
        nature, level = VP().level(s_n), VP().level(s)
        a, b = tweedie.nature_coefficients(nature, level)
        printed_a = (s**2 - s_n**2) / (s**2 * (1 - s_n**2) ** 0.5)
        printed_b = s_n**2 / s**2 * ((1 - s**2) / (1 - s_n**2)) ** 0.5
        coefficients = max(coefficients, abs(float(a) / printed_a - 1), abs(float(b) / printed_b - 1))
        (x_n, z), weights = grid(mixture_nodes(LINE, nature, 40), normal_nodes(60))
        x_t = nature.transition_to(level).perturb(x_n, z)
        batch = Batch(x_n, nature, torch.arange(len(x_n)))
        objective = AmbientScoreMatching(levels=At(level), weight=PlainWeight())
        least = expectation(objective(deviated(LINE, None), batch, NodeDraws([z], [0.5])), weights)
        for delta in DEVIATIONS:
            value = expectation(objective(deviated(LINE, delta), batch, NodeDraws([z], [0.5])), weights)
            worst = max(worst, abs(value - least - printed_a**2 * float(weights @ delta(x_t)[:, 0] ** 2)))
    return Findings(
        (
            Evidence("relative error of both coefficients, three pairs of levels", coefficients, "<=", 1e-13),
            Evidence("|J(h* + d) - J(h*) - A^2 E d^2|, h* = E[X_0|X_t]", worst, "<=", 1e-10),
        )
    )


def _lemma_b_1() -> Findings:
    transition, mean = 0.0, 0.0
    for nature, level in LEVELS.values():
        step = nature.transition_to(level)
        share = (level.alpha * nature.sigma / (level.sigma * nature.alpha)) ** 2
        printed = (1 - share) * level.sigma**2
        transition = max(transition, abs(float(step.variance / printed) - 1))
        for dimension in (1, 2, 5):
            law = mixture(dimension)
            x = samples(law, level)
            h, x_n = law.posterior_mean(x, level), law.reverse_kernel(x, level, nature).mean
            right = nature.alpha * printed / level.sigma**2 * h
            right = right + level.alpha * nature.sigma**2 / (level.sigma**2 * nature.alpha) * x
            mean = max(mean, relative_error(right, x_n()))
            mean = max(mean, relative_error(tweedie.nature_mean(h, x, nature, level), x_n()))
    return Findings(
        (
            Evidence("relative error of sigma_t|s^2, four schedules", transition, "<=", 1e-13),
            Evidence("relative error of E[X_n|X_t], d = 1, 2, 5", mean, "<=", 1e-12),
        )
    )


def _v_targets(law: GaussianMixture, nature: Level, level: Level) -> dict[str, float]:
    """Relative error of E[target | X_t] for the v-prediction, for each reading of Z in Lemma B.2."""
    x = samples(law, level)
    step = nature.transition_to(level)
    h, x_n = law.posterior_mean(x, level), law.reverse_kernel(x, level, nature).mean()
    total, fresh = (x - level.alpha * h) / level.sigma, (x - step.scale * x_n) / step.std
    a, b = tweedie.nature_coefficients(nature, level)
    clean = (x_n - b * x) / a
    optimal = tweedie.from_x_0(h, x, level, "v")
    rescaled = level.sigma / step.std * fresh
    without = level.alpha / level.sigma * x - (level.alpha**2 / level.sigma + level.sigma) * clean
    return {
        "total": relative_error(level.alpha * total - level.sigma * clean, optimal),
        "fresh": relative_error(level.alpha * fresh - level.sigma * clean, optimal),
        "rescaled": relative_error(level.alpha * rescaled - level.sigma * clean, optimal),
        "without": relative_error(without, optimal),
    }


def _lemma_b_2() -> Findings:
    found = [_v_targets(mixture(2), *levels) for levels in LEVELS.values()]
    worst = {name: max(f[name] for f in found) for name in found[0]}
    return Findings(
        printed=(
            Evidence("Z the total noise of X_t, which noisy data do not tell", worst["total"], "<=", 1e-12),
            Evidence("Z the noise added to X_n, which is at hand", worst["fresh"], "<=", 1e-12),
        ),
        corrected=(
            Evidence("Z = (sigma_t / sqrt(v)) Z', Z' the noise added to X_n", worst["rescaled"], "<=", 1e-12),
            Evidence("(alpha/sigma) x - (alpha^2/sigma + sigma)(X_n - B x)/A", worst["without"], "<=", 1e-12),
        ),
    )


STATEMENTS: tuple[Statement, ...] = (
    Statement("P2-1", "P2 eq. (1)", "X_t = sqrt(1 - sigma_t^2) X_0 + sigma_t Z.", _equation_1),
    Statement("P2-2", "P2 eq. (2)", "grad log p_t = (sqrt(1 - sigma_t^2) E[X_0|X_t] - x_t) / sigma_t^2.", _equation_2),
    Statement("P2-3", "P2 eq. (3)", "The minimiser of E|h(x_t, t) - x_0|^2 is E[X_0|X_t].", _equation_3),
    Statement(
        "P2-4",
        "P2 eq. (4)",
        "The minimiser of E|s(x_t, t) - (sqrt(1 - sigma_t^2) x_0 - x_t) / sigma_t^2|^2 is the score.",
        _equation_4,
    ),
    Statement(
        "P2-5",
        "P2 eq. (5)",
        "dx = (-x - (dsigma/dt) sigma / (1 + sigma^2) grad log p_t) dt carries p_T to p_0.",
        _equation_5,
        "misprint",
        "dx = -(dsigma/dt) sigma / (1 - sigma^2) (x + grad log p_t) dt.",
    ),
    Statement(
        "P2-empirical-score",
        "P2 section 2.2",
        "The optimal score on a finite set weighs its points by N(x_t; sqrt(1 - sigma_t^2) x_0, sigma_t I).",
        _empirical_score,
        "misprint",
        "The covariance is sigma_t^2 I.",
    ),
    Statement(
        "P2-6",
        "P2 eq. (6), P1 A.29",
        "The minimiser of the ambient loss at t > t_n is E[X_0|X_t].",
        _equation_6,
        corrected_form="J(h) - min J = A^2 E|h - E[X_0|X_t]|^2, A = (s_t^2 - s_n^2) / (s_t^2 sqrt(1 - s_n^2)).",
    ),
    Statement(
        "P2-B.1",
        "P2 appendix B, Lemma B.1",
        "E[X_n|X_t] = (alpha_n sigma_t|n^2 / sigma_t^2) E[X_0|X_t] + (alpha_t sigma_n^2 / (sigma_t^2 alpha_n)) X_t, "
        "and sigma_t|n^2 = (1 - alpha_t^2 sigma_n^2 / (sigma_t^2 alpha_n^2)) sigma_t^2.",
        _lemma_b_1,
    ),
    Statement(
        "P2-B.2",
        "P2 Lemma B.2",
        "Predicting alpha_t Z - sigma_t (X_n - B X_t) / A gives the optimal v-prediction.",
        _lemma_b_2,
        "correction",
        "Z is the total noise of X_t, unknown when only X_n is given: use (sigma_t / sqrt(v)) Z' with the noise Z' "
        "added to X_n, or the target (alpha_t/sigma_t) x_t - (alpha_t^2/sigma_t + sigma_t)(X_n - B x_t) / A.",
    ),
)
