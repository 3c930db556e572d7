r"""P1 Theorems 3.4 and A.6: is E[X_0|X_t] the only minimiser? In closed form for Gaussian data (`theory.gaussian`).

With a free matrix at each level, ambient score matching and consistency together leave one minimiser, the true one;
either alone leaves a family. How well the noisy data determine it is another matter. A component a cos(kx) of p_0 over
a standard normal density reaches level n as

    a exp(-k^2 sigma_n^2 / (2 (1 + sigma_n^2))) cos(k x / (1 + sigma_n^2)),

and the Fisher information about the parameters of a mixture becomes nearly singular.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ambient import kernels
from ambient.process import VE, VP, Flow, Level
from theory.gaussian import LinearProblem, consistent, implied_covariance, optimal
from theory.mixture import GaussianMixture
from theory.quadrature import mixture_nodes
from theory.statements.base import Evidence, Findings, Statement
from theory.statements.worlds import relative_error

_COVARIANCE = torch.tensor([[1.0, 0.4], [0.4, 0.5]], dtype=torch.float64)
_NATURE = 6


def _ladders() -> dict[str, Level]:
    """Twelve levels of each process; the data are observed at the seventh."""

    def times(first: float, last: float) -> Tensor:
        return torch.linspace(first, last, 12, dtype=torch.float64)

    return {
        "VE": VE().level(times(0.1, 2.0)),
        "VP": VP().level(times(0.1, 0.95)),
        "flow": Flow().level(times(0.1, 0.9)),
    }


def _unique() -> Findings:
    source = torch.Generator().manual_seed(0)
    denoisers = covariance = null = only_ambient = only_consistency = 0.0
    inverse = torch.tensor([[2.0, 0.3], [-0.5, 1.0]], dtype=torch.float64)
    for levels in _ladders().values():
        truth = optimal(_COVARIANCE, levels)
        standard = optimal(torch.eye(2, dtype=torch.float64), levels)
        problem = LinearProblem.of(_COVARIANCE, levels, _NATURE)
        for _ in range(2):
            noise = torch.randn(problem.shape, generator=source, dtype=torch.float64)
            found = problem.minimise(standard + 0.1 * noise)
            denoisers = max(denoisers, float((found - truth).abs().max()))
            covariance = max(covariance, relative_error(implied_covariance(found[0], levels[0]), _COVARIANCE))
        null += problem.null_directions(truth)
        ambient = LinearProblem.of(_COVARIANCE, levels, _NATURE, consistency=False)
        only_ambient += abs(ambient.null_directions(truth) - 4 * (_NATURE + 1))
        consistency = LinearProblem.of(_COVARIANCE, levels, _NATURE, ambient=False)
        residual = consistency.residuals(consistent(inverse, levels))
        only_consistency = max(only_consistency, float(residual.abs().max()))
    return Findings(
        (
            Evidence("|minimiser - E[X_0|X_t]|, VE, VP, flow, two random starts each", denoisers, "<=", 1e-12),
            Evidence("relative error of Sigma_0 read off the cleanest level", covariance, "<=", 1e-10),
            Evidence("null directions of the whole objective", null, "<=", 0),
        ),
        (
            Evidence("|null directions without consistency - 4 (K + 1)|, K + 1 = 7", only_ambient, "<=", 0),
            Evidence("consistency residual of (I + s^2 C)^-1 for an arbitrary C", only_consistency, "<=", 1e-14),
        ),
    )


def euler_bias(steps: int, sigma_min: float = 0.2, sigma_n: float = 1.0) -> tuple[float, float]:
    """The relative error of Sigma_0 with the Euler kernel of (2.3), and e (1 / sigma_min - 1 / sigma_n).

    Args:
        steps: Number of equal steps e from sigma_n down to sigma_min.
        sigma_min: The cleanest level.
        sigma_n: The nature level.
    """
    width = (sigma_n - sigma_min) / steps
    levels = VE().level(sigma_min + width * torch.arange(steps + 5, dtype=torch.float64))
    problem = LinearProblem.of(_COVARIANCE, levels, steps, kernel=kernels.euler_maruyama_sigma)
    found = implied_covariance(problem.minimise()[0], levels[0])
    return float((found - _COVARIANCE).norm() / _COVARIANCE.norm()), width * (1 / sigma_min - 1 / sigma_n)


def _discretised() -> Findings:
    errors = {steps: euler_bias(steps) for steps in (16, 32, 64)}
    extrapolated = 2 * errors[64][0] / errors[64][1] - errors[32][0] / errors[32][1]
    slope = math.log2(errors[32][0] / errors[64][0])
    return Findings(
        (
            Evidence("relative error of Sigma_0 with 16 Euler steps below t_n", errors[16][0], ">=", 0.1),
            Evidence("|order in the step e - 1|", abs(slope - 1), "<=", 0.2),
            Evidence("|error / (e (1/s_min - 1/s_n)) - 1| as e -> 0, extrapolated", abs(extrapolated - 1), "<=", 0.05),
        )
    )


def _surviving(k: float, sigma: float) -> float:
    """The share of a component cos(kx) that is left at sigma, by the trapezoidal rule at x = 0."""
    x = np.linspace(-14, 14, 20_001)
    weights = np.exp(-(x**2) / 2 - x**2 / (2 * sigma**2))
    return float((weights * np.cos(k * x)).sum() / weights.sum())


def fisher_condition(sigma: float) -> float:
    """Condition number of the Fisher information on two components (weight, means, log-variances) at VE level sigma."""
    truth = torch.tensor([0.4, -1.0, 1.0, math.log(0.25), math.log(0.16)], dtype=torch.float64)

    def law(parameters: Tensor) -> GaussianMixture:
        weight, means, variances = parameters[0], parameters[1:3], parameters[3:].exp()
        return GaussianMixture(means[:, None], variances, torch.stack((weight, 1 - weight)))

    level = VE().level(sigma)
    x, weights = mixture_nodes(law(truth), level, 60)

    def log_density(parameters: Tensor) -> Tensor:
        share = torch.stack((parameters[0], 1 - parameters[0])).log()
        variances = parameters[3:].exp() + sigma**2
        return (share - (x - parameters[1:3]) ** 2 / (2 * variances) - variances.log() / 2).logsumexp(1)

    slopes = torch.func.jacrev(log_density)(truth)
    return float(torch.linalg.cond(slopes.mT @ (weights[:, None] * slopes)))


def _conditioning() -> Findings:
    worst = 0.0
    for k, sigma in ((2.0, 0.5), (4.0, 1.0), (8.0, 1.0)):
        predicted = math.exp(-(k**2) * sigma**2 / (2 * (1 + sigma**2)))
        worst = max(worst, abs(_surviving(k, sigma) / predicted - 1))
    conditions = {sigma: fisher_condition(sigma) for sigma in (0.5, 1.0, 2.0, 3.0)}
    shown = ", ".join(f"{value:.1e}" for value in conditions.values())
    return Findings(
        (
            Evidence("relative error of exp(-k^2 s^2 / (2 (1 + s^2)))", worst, "<=", 1e-7),
            Evidence("what survives of cos(8x) at sigma_n = 1", abs(_surviving(8.0, 1.0)), "<=", 2e-7),
            Evidence(
                f"growth of the Fisher condition number, {shown} at sigma_n = 0.5, 1, 2, 3",
                conditions[3.0] / conditions[0.5],
                ">=",
                1e3,
            ),
        )
    )


STATEMENTS = (
    Statement(
        "P1-3.4",
        "P1 Theorem 3.4, Theorem A.6, eqs. 3.7, A.33",
        "Ambient score matching and consistency have the unique minimiser E[X_0|X_t] at all t (linear denoisers).",
        _unique,
        corrected_form="Both terms are needed: without consistency every level up to t_n is free, 4 (K + 1) directions "
        "in 2-D; without the ambient term any (I + s^2 C)^-1 is consistent.",
    ),
    Statement(
        "P1-3.4-discretised",
        "not stated; P1 section 3.2, one step of (2.3) in the place of p_theta",
        "With one Euler step a pair the minimiser is biased: Sigma_0 is off by e (1/s_min - 1/s_n) to first order.",
        _discretised,
    ),
    Statement(
        "P1-3.4-conditioning",
        "not stated; P1 Theorem 3.4",
        "What the noisy data determine is extremely ill-conditioned: detail of p_0 fades exponentially in k^2.",
        _conditioning,
    ),
)
