r"""P1 sections 2.1 and 3.1, A.1-A.3: Tweedie's formula, once and twice.

The truth is Gaussian conditioning and the automatic gradient of the log-density (`theory.mixture`); what is checked is
`ambient.tweedie` and the transitions of `ambient.process`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ambient import kernels, tweedie
from ambient.data import Batch
from ambient.objectives import (
    DenoisingScoreMatching,
    PlainWeight,
)
from ambient.process import VE, VP, Level
from theory.mixture import GaussianMixture
from theory.quadrature import NodeDraws, grid, mixture_nodes, normal_nodes
from theory.statements.base import Evidence, Findings, Statement
from theory.statements.deviations import DEVIATIONS, At, deviated, expectation
from theory.statements.worlds import LEVELS, LINE, gradient, mixture, relative_error, samples

_DIMENSIONS = (1, 2, 5)


def _dsm() -> Findings:
    (x_0, z), weights = grid(mixture_nodes(LINE, Level.clean(), 40), normal_nodes(60))
    batch = Batch(x_0, Level.clean(), torch.arange(len(x_0)))
    worst = 0.0
    for _, level in LEVELS.values():
        objective = DenoisingScoreMatching(levels=At(level), weight=PlainWeight())
        x_t = level.alpha * x_0 + level.sigma * z
        values = [
            expectation(objective(deviated(LINE, delta), batch, NodeDraws([z], [0.5])), weights)
            for delta in (None, *DEVIATIONS)
        ]
        for value, delta in zip(values[1:], DEVIATIONS, strict=True):
            worst = max(worst, abs(value - values[0] - float(weights @ delta(x_t)[:, 0] ** 2)))
    return Findings((Evidence("|J(h* + d) - J(h*) - E d^2|, four processes, three directions d", worst, "<=", 1e-11),))


def _tweedie_error(name: str, law: GaussianMixture) -> float:
    _, level = LEVELS[name]
    x = samples(law, level)
    score = gradient(lambda y: law.log_density(y, level), x)
    return relative_error(tweedie.from_x_0(law.posterior_mean(x, level), x, level, "score"), score)


def _once_ve() -> Findings:
    error = max(_tweedie_error("VE", mixture(d)) for d in _DIMENSIONS)
    return Findings((Evidence("relative error of the score, d = 1, 2, 5", error, "<=", 1e-13),))


def _once() -> Findings:
    error = max(_tweedie_error(name, mixture(d)) for name in LEVELS for d in _DIMENSIONS)
    back = 0.0
    for _, level in LEVELS.values():
        law = mixture(2)
        x = samples(law, level)
        truth = law.posterior_mean(x, level)
        score = gradient(lambda y, law=law, level=level: law.log_density(y, level), x)  # type: ignore[misc]
        back = max(back, relative_error(tweedie.to_x_0(score, x, level, "score"), truth))
    return Findings(
        (
            Evidence("relative error of the score, four processes, d = 1, 2, 5", error, "<=", 1e-13),
            Evidence("relative error of E[X_0|X_t] from the score", back, "<=", 1e-13),
        )
    )


def _reverse_sde() -> Findings:
    errors = {steps: _distance_after(steps) for steps in (40, 80, 160)}
    order = torch.tensor(errors[80] / errors[160]).log2()
    return Findings(
        (
            Evidence("sup |F - F*| after 160 steps", errors[160], "<=", 5e-3),
            Evidence("order in the number of steps", float(order), ">=", 0.9),
            Evidence("|2 e(160) - e(80)|, what extrapolation leaves", abs(2 * errors[160] - errors[80]), "<=", 5e-4),
        )
    )


def _distance_after(steps: int, sigma_min: float = 0.1, sigma_max: float = 5.0, points: int = 601) -> float:
    """sup |F - F*| at sigma_min after Euler steps of (2.3) from p_T: the law itself is carried along, on a grid."""
    sigmas = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    sigmas = sigma_max * (sigma_min / sigma_max) ** sigmas
    end = VE().level(sigma_min)
    width = (LINE.at(end).covariances.max() + sigmas**2).sqrt()
    centre = torch.linspace(-1, 1, points, dtype=torch.float64)[:, None]
    x = centre * (3 + 6 * width[0])
    density = LINE.log_density(x, VE().level(sigmas[0])).exp()
    for i in range(steps):
        level, target = VE().level(sigmas[i]), VE().level(sigmas[i + 1])
        step = kernels.euler_maruyama_sigma(LINE.posterior_mean(x, level), x, level, target)
        mass = density * (x[1] - x[0])
        x = centre * (3 + 6 * width[i + 1])
        exponent = -((x - step.mean.T) ** 2) / (2 * step.std**2)
        density = exponent.exp() @ mass / (step.std * (2 * torch.pi) ** 0.5)
    spacing = x[1] - x[0]
    error = (density - LINE.log_density(x, end).exp()) * spacing
    return float(error.cumsum(0).abs().max())


def _two_ways() -> Findings:
    error = 0.0
    for nature, level in LEVELS.values():
        law, step = mixture(2), nature.transition_to(level)
        x = samples(law, level)
        through = law.at(nature).log_density(x, Level(step.scale, step.std))
        error = max(error, float((through - law.log_density(x, level)).abs().max()))
    return Findings((Evidence("|log p(rho X_n + sqrt(v) Z) - log p_t|, four processes", error, "<=", 1e-12),))


def _twice(names: tuple[str, ...]) -> float:
    """Relative error of the double-Tweedie map, both ways, against conditioning."""
    error = 0.0
    for name in names:
        nature, level = LEVELS[name]
        for d in _DIMENSIONS:
            law = mixture(d)
            x = samples(law, level)
            h, x_n = law.posterior_mean(x, level), law.reverse_kernel(x, level, nature).mean()
            error = max(error, relative_error(tweedie.nature_mean(h, x, nature, level), x_n))
            error = max(error, relative_error(tweedie.clean_mean(x_n, x, nature, level), h))
    return error


def _double() -> Findings:
    everywhere = _twice(tuple(LEVELS))
    return Findings(
        (Evidence("relative error, VE", _twice(("VE",)), "<=", 1e-13),),
        (Evidence("relative error, VE, VP, flow and an arbitrary schedule", everywhere, "<=", 1e-13),),
    )


def _independent_noises(name: str) -> Findings:
    (nature, level), law = LEVELS[name], mixture(2)
    x = samples(law, level)
    h = law.posterior_mean(x, level)
    literal = nature.alpha * h  # with independent noises X_n depends on X_t through X_0 alone
    printed = relative_error(_printed_map(literal, x, nature, level), h)
    coupled = law.reverse_kernel(x, level, nature).mean()
    corrected = relative_error(_printed_map(coupled, x, nature, level), h)
    ours = relative_error(tweedie.clean_mean(coupled, x, nature, level), h)
    return Findings(
        (Evidence("relative error with independent Z_1 and Z_2", printed, "<=", 1e-6),),
        (
            Evidence("the printed map with X_t = rho X_n + sqrt(v) Z", corrected, "<=", 1e-13),
            Evidence("tweedie.clean_mean, the same coupling", ours, "<=", 1e-13),
        ),
    )


def _printed_map(x_n: Tensor, x_t: Tensor, nature: Level, level: Level) -> Tensor:
    """A.9 (alpha = 1) and A.19, A.28 (alpha^2 = 1 - sigma^2) as printed."""
    gap = level.sigma**2 - nature.sigma**2
    return level.sigma**2 / gap * nature.alpha * x_n - nature.sigma**2 * level.alpha / gap * x_t


def _two_scores(name: str) -> Findings:
    nature, level = LEVELS[name]
    law = mixture(3)
    x = samples(law, level)
    score = gradient(lambda y: law.log_density(y, level), x)
    x_n, h = law.reverse_kernel(x, level, nature).mean(), law.posterior_mean(x, level)
    gap = level.sigma**2 - nature.sigma**2
    if name == "VE":
        second = (x_n - x) / gap
    else:
        kept, kept_n = 1 - level.sigma**2, 1 - nature.sigma**2
        second = ((kept * kept_n).sqrt() * x_n - kept_n * x) / gap
    solved = relative_error(tweedie.clean_mean(x_n, x, nature, level), h)
    return Findings(
        (
            Evidence("Tweedie for (X_t, X_0)", _tweedie_error(name, law), "<=", 1e-13),
            Evidence("Tweedie for (X_t, X_n)", relative_error(second, score), "<=", 1e-13),
            Evidence("solved for E[X_0|X_t]", solved, "<=", 1e-13),
        )
    )


def _vp_coefficients() -> Findings:
    sigma = torch.linspace(0.05, 0.99, 40, dtype=torch.float64)
    sigma_n, sigma_t = torch.meshgrid(sigma, sigma, indexing="ij")
    pairs = sigma_n < sigma_t
    sigma_n, sigma_t = sigma_n[pairs], sigma_t[pairs]
    step = VP().level(sigma_n).transition_to(VP().level(sigma_t))
    scale = ((1 - sigma_t**2) / (1 - sigma_n**2)).sqrt()
    std = ((sigma_t**2 - sigma_n**2) / (1 - sigma_n**2)).sqrt()
    return Findings(
        (
            Evidence("relative error of alpha, 780 pairs of levels", relative_error(step.scale, scale), "<=", 1e-14),
            Evidence("relative error of beta", relative_error(step.std, std), "<=", 1e-13),
        )
    )


STATEMENTS = (
    Statement("P1-J_DSM", "P1 section 2.1, J_DSM", "The minimiser of denoising score matching is E[X_0|X_t].", _dsm),
    Statement(
        "P1-2.1", "P1 eq. 2.1", "grad log p_t = (E[X_0|X_t] - x) / sigma_t^2 if X_t = X_0 + sigma_t Z.", _once_ve
    ),
    Statement(
        "P1-2.2",
        "P1 eqs. 2.2, 2.3",
        "The reverse SDE started from p_T ends in p_0; Euler steps of (2.3) converge to it.",
        _reverse_sde,
    ),
    Statement(
        "P1-3.2",
        "P1 Lemma 3.2, Lemma A.1, eqs. 3.2, 3.3, A.1-A.8",
        "grad log p_t = (alpha_t E[X_0|X_t] - x) / sigma_t^2 for X_t = alpha_t X_0 + sigma_t Z.",
        _once,
    ),
    Statement(
        "P1-3.4-law",
        "P1 eq. 3.4",
        "X_0 + sigma_t Z and X_n + sqrt(sigma_t^2 - sigma_n^2) Z have the same law.",
        _two_ways,
        corrected_form="For any process: X_t = rho X_n + sqrt(v) Z, rho = alpha_t / alpha_n, "
        "v = sigma_t^2 - rho^2 sigma_n^2.",
    ),
    Statement(
        "P1-double-Tweedie",
        "P1 section 3.1, the display after eq. 3.4",
        "E[X_n|X_t] = (sigma_t^2 - sigma_n^2) / sigma_t^2 (E[X_0|X_t] - x_t) + x_t.",
        _double,
        corrected_form="For any process with SNR_t < SNR_n: E[X_n|X_t] = A h + B x, A = alpha_n v / sigma_t^2, "
        "B = rho sigma_n^2 / sigma_t^2.",
    ),
    Statement(
        "P1-A.2",
        "P1 Lemma A.2, eq. A.9",
        "E[X_0|X_t] from E[X_n|X_t] in the VE case, with noises Z_1, Z_2 of X_n and X_t that are i.i.d.",
        lambda: _independent_noises("VE"),
        "misprint",
        "The noises are coupled: X_t = X_n + sqrt(sigma_t^2 - sigma_n^2) Z with fresh Z.",
    ),
    Statement(
        "P1-A.10",
        "P1 eqs. A.10, A.11, A.12",
        "Two expressions of one score (VE), and their solution for E[X_0|X_t].",
        lambda: _two_scores("VE"),
    ),
    Statement(
        "P1-A.4",
        "P1 Lemma A.4, eqs. A.18, A.19, A.28",
        "E[X_0|X_t] from E[X_n|X_t] in the VP case, with noises Z_1, Z_2 of X_n and X_t that are i.i.d.",
        lambda: _independent_noises("VP"),
        "misprint",
        "The noises are coupled as in A.25: X_t = alpha X_n + beta Z_2 with Z_2 independent of X_n.",
    ),
    Statement(
        "P1-A.24",
        "P1 eqs. A.21-A.25",
        "X_t = alpha X_n + beta Z_2 (VP), alpha^2 = (1 - s_t^2) / (1 - s_n^2), beta^2 = (s_t^2 - s_n^2) / (1 - s_n^2).",
        _vp_coefficients,
    ),
    Statement(
        "P1-A.27",
        "P1 eqs. A.20, A.26, A.27",
        "Two expressions of one score (VP), and their solution for E[X_0|X_t].",
        lambda: _two_scores("VP"),
    ),
)
