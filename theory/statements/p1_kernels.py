r"""P1 section 3.2, "run only 1 step of the sampling chain": what one step of each kernel costs.

A denoiser is consistent if h(x, t) = E[h(X_s, s) | X_t = x]. The optimal one is, under the exact kernel; under a
one-step kernel of `ambient.kernels` there remains the bias E h*(X_s, s) - h*(x, t), a Gauss-Hermite sum here. With
r = (sigma_s / sigma_t)^2 in VE coordinates and Cov = Cov[X_0|X_t], the exact covariance is r (sigma_t^2 - sigma_s^2) +
(1 - r)^2 Cov, from which Euler-Maruyama in sigma^2 is off by (1 - r)^2 (sigma_t^2 - Cov) and the ancestral step by
-(1 - r)^2 Cov: of these two the first is nearer where Cov > sigma_t^2 / 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ambient import kernels
from ambient.kernels import Kernel, Step
from ambient.process import VE, VP, Flow, Level, Process
from theory.mixture import GaussianMixture
from theory.quadrature import mixture_nodes, normal_nodes
from theory.statements.base import Evidence, Findings, Statement
from theory.statements.worlds import LINE, jacobian, mixture, relative_error, samples

STEPS = torch.tensor([0.2, 0.1, 0.05, 0.025, 0.0125], dtype=torch.float64)
"""Step widths 1 - sigma_s / sigma_t, in VE coordinates."""


def _covariance_matched(x_0: Tensor, x_t: Tensor, level: Level, target: Level) -> Step:
    slope = jacobian(lambda y: LINE.posterior_mean(y, level), x_t)
    return kernels.covariance_matched(x_0, x_t, level, target, slope)


KERNELS: dict[str, Kernel] = {
    "Euler-Maruyama in sigma (2.3)": kernels.euler_maruyama_sigma,
    "Euler-Maruyama in sigma^2": kernels.euler_maruyama,
    "ancestral": kernels.ancestral,
    "covariance matched": _covariance_matched,
    "DDIM": kernels.ddim,
}
"""The one-step kernels by name."""


def at_ratio(process: Process, sigma: float) -> Level:
    """The level of `process` whose sigma / alpha is `sigma`."""
    return process.level(process.time(VE().level(sigma)))


def bias(kernel: Kernel, step: float, sigma: float, process: Process | None = None) -> float:
    """RMS over X_t of E h*(X_s, s) - h*(X_t, t), for one step of relative width `step` down from sigma / alpha."""
    process = process or VE()
    level, target = at_ratio(process, sigma), at_ratio(process, sigma * (1 - step))
    x, weights = mixture_nodes(LINE, level, 30)
    h = LINE.posterior_mean(x, level)
    z, w = normal_nodes(40)
    once = kernel(h, x, level, target)
    std = once.std.reshape(-1, 1) if once.std.ndim else once.std
    landed = (once.mean + std * z).reshape(-1, 1)
    mean = LINE.posterior_mean(landed, target).reshape(len(x), -1) @ w
    return float((weights @ (mean - h[:, 0]) ** 2).sqrt())


def biases(kernel: Kernel, sigma: float) -> Tensor:
    """The bias for each of the STEPS, (5,)."""
    return torch.tensor([bias(kernel, float(step), sigma) for step in STEPS], dtype=torch.float64)


def order(errors: Tensor) -> float:
    """The slope of log error against log step between the two smallest steps."""
    return float((errors[-2] / errors[-1]).log2())


def _has_order(name: str, expected: int) -> Findings:
    kernel, evidence = KERNELS[name], []
    for sigma in (0.3, 0.8, 2.0):
        errors = biases(kernel, sigma)
        what = f"sigma = {sigma:g}: bias at 10 % is {errors[1]:.1e}; |order - {expected}|"
        evidence.append(Evidence(what, abs(order(errors) - expected), "<=", 0.2))
    same = [bias(kernel, 0.1, 0.8, process) for process in (VE(), VP(), Flow())]
    spread = (max(same) - min(same)) / max(same)
    evidence.append(Evidence("relative difference between VE, VP and flow matching", spread, "<=", 1e-10))
    return Findings(tuple(evidence))


def _better_at(name: str, than: str, factor: float) -> Evidence:
    ratio = max(bias(KERNELS[name], 0.1, s) / bias(KERNELS[than], 0.1, s) for s in (0.3, 0.8, 2.0))
    return Evidence(f"its largest bias at 10 % as a share of the {than} step's", ratio, "<=", factor)


def _matched() -> Findings:
    found = _has_order("covariance matched", 3)
    law, worst = mixture(3), 0.0
    for process in (VE(), VP(), Flow()):
        level, target = at_ratio(process, 0.8), at_ratio(process, 0.5)
        x = samples(law, level)
        slope = jacobian(lambda y, level=level: law.posterior_mean(y, level), x)  # type: ignore[misc]
        step = kernels.covariance_matched(law.posterior_mean(x, level), x, level, target, slope)
        exact = law.reverse_kernel(x, level, target)
        worst = max(worst, relative_error(step.std @ step.std.mT, exact.covariance()))
        worst = max(worst, relative_error(step.mean, exact.mean()))
    exact_moments = Evidence("relative error of its mean and covariance, d = 3, three processes", worst, "<=", 1e-11)
    return Findings((*found.printed, exact_moments, _better_at("covariance matched", "ancestral", 0.5)))


def _moments() -> Findings:
    law, mean, euler, ancestral, second = mixture(3), 0.0, 0.0, 0.0, 0.0
    eye = torch.eye(3, dtype=torch.float64)
    for process in (VE(), VP(), Flow()):
        level, target = at_ratio(process, 0.8), at_ratio(process, 0.5)
        x = samples(law, level)
        h, cov = law.posterior_mean(x, level), law.posterior_covariance(x, level)
        exact = law.reverse_kernel(x, level, target)
        slope = jacobian(lambda y, level=level: law.posterior_mean(y, level), x)  # type: ignore[misc]
        second = max(second, relative_error(level.sigma**2 / level.alpha * slope, cov))
        factor = (1 - (target.ratio / level.ratio) ** 2) ** 2 * target.alpha**2
        steps = kernels.euler_maruyama(h, x, level, target), kernels.ancestral(h, x, level, target)
        mean = max(mean, *(relative_error(step.mean, exact.mean()) for step in steps))
        errors = [step.std**2 * eye - exact.covariance() for step in steps]
        euler = max(euler, relative_error(errors[0], factor * (level.ratio**2 * eye - cov)))
        ancestral = max(ancestral, relative_error(errors[1], -factor * cov))
    return Findings(
        (
            Evidence("relative error of the mean of both, d = 3, three processes", mean, "<=", 1e-13),
            Evidence("of (1 - r)^2 (sigma^2 - Cov), the covariance error of Euler-Maruyama", euler, "<=", 1e-11),
            Evidence("of -(1 - r)^2 Cov, that of the ancestral step", ancestral, "<=", 1e-11),
            Evidence("of Cov[X_0|X_t] = (sigma_t^2 / alpha_t) dh/dx", second, "<=", 1e-12),
        )
    )


def _gaussian() -> Findings:
    law = GaussianMixture(torch.tensor([[0.4, -0.2]]), torch.tensor([[[1.0, 0.3], [0.3, 0.5]]]))
    worst = 0.0
    for process in (VE(), VP(), Flow()):
        level = at_ratio(process, 1.0)
        x = samples(law, level)
        h = law.posterior_mean(x, level)
        for ratio in (0.9, 0.5, 0.1):
            target = at_ratio(process, ratio)
            mean = kernels.ancestral(h, x, level, target).mean  # E h(X_s) = h(E X_s), since h is affine
            worst = max(worst, float((law.posterior_mean(mean, target) - h).abs().max()))
    return Findings((Evidence("largest bias, steps of 10 %, 50 % and 90 %", worst, "<=", 1e-14),))


STATEMENTS = (
    Statement(
        "P1-step-euler-sigma",
        "P1 section 3.2 and eq. 2.3, one step",
        "One Euler-Maruyama step in sigma introduces no big discretisation error: its bias is of second order.",
        lambda: _has_order("Euler-Maruyama in sigma (2.3)", 2),
    ),
    Statement(
        "P1-step-euler",
        "not stated; P1 section 3.2",
        "One Euler-Maruyama step in sigma^2 has a bias of second order.",
        lambda: _has_order("Euler-Maruyama in sigma^2", 2),
    ),
    Statement(
        "P1-step-ancestral",
        "not stated; P1 section 3.2 (what P1's code runs)",
        "One ancestral step, DDIM with eta = 1, has a bias of second order.",
        lambda: _has_order("ancestral", 2),
    ),
    Statement(
        "P1-step-matched",
        "not stated; P1 section 3.2",
        "The Gaussian step with the exact mean and covariance has a bias of third order.",
        _matched,
    ),
    Statement(
        "P1-step-DDIM",
        "not stated; P1 section 3.2",
        "The deterministic DDIM step does not sample the kernel: its bias is of first order.",
        lambda: _has_order("DDIM", 1),
    ),
    Statement(
        "P1-step-moments",
        "not stated; P1 section 3.2",
        "Euler-Maruyama in sigma^2 and the ancestral step have the exact mean; their covariances err by "
        "(1 - r)^2 (sigma^2 - Cov) and -(1 - r)^2 Cov.",
        _moments,
    ),
    Statement(
        "P1-step-Gaussian",
        "not stated; P1 section 3.2",
        "On Gaussian data the ancestral step has no bias, whatever its width.",
        _gaussian,
    ),
)
