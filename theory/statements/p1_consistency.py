r"""P1 section 3.2 and A.4: consistency below the nature level, and its two-sample estimator.

A denoiser is consistent if h(x_t, t) = E[h(X_s, s) | X_t = x_t] under the process that it drives (3.5). For the optimal
one this is the tower law, checked here by quadrature of the exact reverse kernels of mixtures. The squared violation is
estimated by two independent samples,

    (h(x1, t'') - h(x_t', t')) . (h(x2, t'') - h(x_t', t')),

whose mean is the squared violation, and whose gradient is unbiased if it flows through x1 and x2. With the samples held
fixed it is the gradient of another function, the violation under a kernel that does not learn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor

from ambient.data import Batch
from ambient.denoisers import Denoiser
from ambient.objectives.consistency import Gradient, paper_consistency
from ambient.process import VE, VP, Flow, Level
from ambient.randomness import Draws
from theory.mixture import GaussianMixture, ReverseKernel
from theory.quadrature import grid, normal_nodes
from theory.statements.base import Evidence, Findings, Statement
from theory.statements.deviations import DEVIATIONS
from theory.statements.two_samples import Recorded, Times, exact_kernel, two_samples, violation
from theory.statements.worlds import LINE, gradient, jacobian, mixture, relative_error, samples

_TIMES = Times()


def expectation_under(kernel: ReverseKernel, function: Callable[[Tensor], Tensor], nodes: int) -> Tensor:
    """E[function(X_s) | X_t] under an exact reverse kernel in d dimensions, with nodes^d points a component: (B, *).

    Args:
        kernel: p(x_s | x_t) at points x_t, (B, d).
        function: Maps (N, d) to (N, *).
        nodes: Gauss-Hermite nodes for each dimension.
    """
    axes, weights = grid(*[normal_nodes(nodes)] * kernel.mixture.dimension)
    root = torch.linalg.cholesky(kernel.covariances)
    points = kernel.means[:, :, None] + torch.einsum("bkde,ne->bknd", root, torch.cat(axes, 1))
    values = function(points.reshape(-1, points.shape[-1])).reshape(*points.shape[:3], -1)
    return torch.einsum("bk,n,bkno->bo", kernel.weights, weights, values)


def _definition() -> Findings:
    evidence = []
    for d, nodes in ((1, 80), (2, 32)):
        law, worst = (LINE, mixture(2))[d - 1], 0.0
        for process, t, s in ((VE(), 1.1, 0.9), (VP(), 0.8, 0.72), (Flow(), 0.55, 0.48)):
            level, target = process.level(t), process.level(s)
            x = samples(law, level, 24)
            kernel = law.reverse_kernel(x, level, target)
            mean = expectation_under(kernel, lambda y, s=target, law=law: law.posterior_mean(y, s), nodes)  # type: ignore[misc]
            worst = max(worst, float((mean - law.posterior_mean(x, level)).abs().max()))
        evidence.append(Evidence(f"|E h*(X_s, s) - h*(x, t)|, d = {d}, three processes", worst, "<=", 1e-8))
    return Findings(tuple(evidence))


def _local_to_global() -> Findings:
    level, between, target = (VE().level(sigma) for sigma in (1.2, 0.8, 0.4))
    x = samples(LINE, level, 16)

    def moments(y: Tensor) -> Tensor:
        return torch.cat([y, y**2, (2 * y).cos()], 1)

    direct = expectation_under(LINE.reverse_kernel(x, level, target), moments, 60)
    inner = LINE.reverse_kernel(x, level, between)
    chained = expectation_under(
        inner, lambda y: expectation_under(LINE.reverse_kernel(y, between, target), moments, 40), 40
    )
    error = float((direct - chained).abs().max())
    return Findings((Evidence("|E f(X_r) in one jump - in two|, three functions f", error, "<=", 1e-8),))


def _term_at_optimum() -> Findings:
    exact, times = exact_kernel(LINE), Times(end=0.65)
    found = two_samples(LINE.denoiser, LINE, times, kernel=exact, nodes=24)
    other = two_samples(_family(_THETA), LINE, times, kernel=exact, nodes=24)
    return Findings(
        (
            Evidence("largest E of the loss of h* over x_t', exact kernel", float(found.loss.abs().max()), "<=", 1e-9),
            Evidence("mean loss of another h", float(other.weights @ other.loss), ">=", 1e-3),
        )
    )


_THETA = torch.tensor([0.8, -0.5, 0.6], dtype=torch.float64)


def _family(theta: Tensor, law: GaussianMixture = LINE) -> Denoiser:
    """h* + sum_i theta_i d_i: a denoiser with three parameters, optimal at theta = 0."""

    def denoiser(x_t: Tensor, level: Level | Tensor, **condition: object) -> Tensor:
        shift = sum((a * d(x_t) for a, d in zip(theta, DEVIATIONS, strict=True)), torch.zeros_like(x_t))
        return law.denoiser(x_t, level) + shift

    return denoiser


def _value() -> Findings:
    h = _family(_THETA)
    found = two_samples(h, LINE, _TIMES)
    truth = violation(h, found.x, _TIMES)
    middle, end = VE().level(_TIMES.middle), VE().level(_TIMES.end)
    start, start_end = h(found.x, middle)[:, 0], h(found.x, end)[:, 0]
    mean = _mean_landing(h, found.x, end)
    printed = (mean - start) * (mean - start_end)
    left = (start - _mean_landing(h, found.x, middle)) ** 2
    scale = float(truth.max())
    return Findings(
        (
            Evidence("E of the printed product against its printed left side", _gap(printed, left, scale), "<=", 1e-6),
            Evidence(
                "E of the printed product against the violation of (3.5)", _gap(printed, truth, scale), "<=", 1e-6
            ),
        ),
        (Evidence("E of Consistency against the violation of (3.5)", _gap(found.loss, truth, scale), "<=", 1e-10),),
    )


def _gap(found: Tensor, truth: Tensor, scale: float) -> float:
    return float((found - truth).abs().max()) / scale


def _mean_landing(h: Denoiser, x: Tensor, evaluated_at: Level) -> Tensor:
    """E h(x_t'', .) after an ancestral step from t' to t'', with h taken at any level, (M,)."""
    q = (_TIMES.end / _TIMES.middle) ** 2
    z, w = normal_nodes(60)
    std = (q * (_TIMES.middle**2 - _TIMES.end**2)) ** 0.5
    landed = q * x + (1 - q) * h(x, VE().level(_TIMES.middle)) + std * z
    return h(landed.reshape(-1, 1), evaluated_at).reshape(landed.shape) @ w


def _gradients(theta: Tensor, law: GaussianMixture, path: Gradient) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of the objective, that of the true violation and that of the violation with a frozen kernel."""
    theta = theta.clone().requires_grad_()
    h = _family(theta, law)
    found = two_samples(h, law, _TIMES, gradient=path)
    weights, x = found.weights, found.x.detach()
    losses = (found.loss, violation(h, x, _TIMES), violation(h, x, _TIMES, frozen=True))
    ours, true, frozen = (torch.autograd.grad(weights @ loss, theta, retain_graph=True)[0] for loss in losses)
    return ours, true, frozen


def _gradient() -> Findings:
    through, true, fixed = _gradients(_THETA, LINE, "through")
    frozen, one_sided = (_gradients(_THETA, LINE, path)[0] for path in ("frozen", "one-sided"))
    gaussian = GaussianMixture(torch.tensor([[0.3]]), torch.tensor([0.8]))
    zero = torch.zeros(3, dtype=torch.float64)
    at_optimum = max(float(_gradients(zero, gaussian, path)[0].abs().max()) for path in get_args(Gradient))
    return Findings(
        (
            Evidence("error of the gradient through the samples, relative", relative_error(through, true), "<=", 1e-10),
            Evidence("of that with frozen samples", relative_error(frozen, true), ">=", 0.1),
            Evidence("the same against a violation with a frozen kernel", relative_error(frozen, fixed), "<=", 1e-10),
            Evidence("one-sided against frozen samples", relative_error(one_sided, frozen), "<=", 1e-10),
            Evidence("all three at exact consistency (Gaussian data)", at_optimum, "<=", 1e-12),
        )
    )


def _noise() -> Findings:
    """The signal-to-noise ratio of one sample of the estimator, (E L) / std L, against the step."""
    ratios, negative = [], 0.0
    for width in (0.1, 0.05, 0.025, 0.0125):
        found = two_samples(_family(0.3 * _THETA), LINE, Times(end=_TIMES.middle - width))
        weights = found.weights[:, None, None] * found.pair_weights
        mean = float((weights * found.pairs).sum())
        second = float((weights * found.pairs**2).sum())
        ratios.append(mean / (second - mean**2) ** 0.5)
        negative = float(weights[found.pairs < 0].sum())
    slope = torch.tensor(ratios[-2] / ratios[-1]).log2()
    return Findings(
        (
            Evidence("order in t' - t'' of mean / std for one sample", float(slope), ">=", 0.9),
            Evidence("and from above", float(slope), "<=", 1.1),
            Evidence(f"mean / std at t' - t'' = 0.1 is {ratios[0]:.2g}; at 0.0125", ratios[-1], "<=", 0.02),
            Evidence("share of negative values there", negative, ">=", 0.4),
        )
    )


def _times() -> Findings:
    nature, width, last, n = 0.3, 0.2, 1.0, 20_000
    source = torch.Generator().manual_seed(0)
    t = nature + (last - nature) * torch.rand(n, generator=source, dtype=torch.float64)
    middle = t * torch.rand(n, generator=source, dtype=torch.float64)
    printed = middle - width * torch.rand(n, generator=source, dtype=torch.float64)
    recorded = Recorded(LINE.denoiser, [])
    batch = Batch(samples(LINE, VE().level(nature), n), VE().level(nature), torch.arange(n))
    paper_consistency(VE(), last, epsilon=width)(recorded, batch, Draws.of_step(0, 0))
    t, middle, end = (level.sigma for _, level in recorded.calls[:3])
    return Findings(
        (Evidence("smallest t'' of 20,000 draws of U[t' - e, t')", float(printed.min()), ">=", 0.0),),
        (
            Evidence("smallest t'' of Consistency", float(end.min()), ">=", 0.0),
            Evidence("its largest t' - t'', e = 0.2", float((middle - end).max()), "<=", width),
            Evidence("its smallest t - t_n", float((t - nature).min()), ">", 0.0),
            Evidence("its smallest t - t'", float((t - middle).min()), ">", 0.0),
        ),
    )


def _potential() -> Findings:
    law = mixture(3)
    x = samples(law, VE().level(0.7))

    def field(t: float) -> Callable[[Tensor], Tensor]:
        return lambda y: (law.posterior_mean(y, VE().level(t)) - y) / t**2

    matrix = jacobian(field(0.7), x)
    score = gradient(lambda y: law.log_density(y, VE().level(0.7)), x)
    across = relative_error(field(0.9)(x), field(0.7)(x))
    return Findings(
        (Evidence("(h - x) / sigma^2 at sigma = 0.9 against 0.7, relative", across, "<=", 1e-6),),
        (
            Evidence("asymmetry of its Jacobian at each t", relative_error(matrix, matrix.mT), "<=", 1e-12),
            Evidence("relative error against grad log p_t", relative_error(field(0.7)(x), score), "<=", 1e-12),
        ),
    )


def _boundary() -> Findings:
    x = samples(LINE, Level.clean(), 200)
    moved = [float((LINE.posterior_mean(x, VE().level(s)) - x).abs().max()) for s in (1e-2, 1e-3)]
    slope = torch.tensor(moved[0] / moved[1]).log10()
    return Findings(
        (
            Evidence("max |h*(x, t) - x| at sigma = 1e-3", moved[1], "<=", 1e-4),
            Evidence("order in sigma", float(slope), ">=", 1.9),
        )
    )


STATEMENTS = (
    Statement(
        "P1-3.3",
        "P1 Definition 3.3, eq. 3.5",
        "h(x_t, t) = E[h(X_t', t')] under the exact reverse process: the optimal denoiser is consistent.",
        _definition,
    ),
    Statement(
        "P1-local-global",
        "P1 section 3.2, implementation trade-offs",
        "Local consistency implies global consistency: reverse kernels compose.",
        _local_to_global,
    ),
    Statement(
        "P1-A.31",
        "P1 eqs. 3.6, A.31, A.35, the consistency term",
        "The consistency loss of E[X_0|X_t] is 0 under the exact reverse process, so it is a minimiser.",
        _term_at_optimum,
    ),
    Statement(
        "P1-two-sample",
        "P1 section 3.2, the two-sample formula after eq. 3.6",
        "The squared violation is estimated without bias by (h(x1, t'') - h(x', t'))^T (h(x2, t'') - h(x', t'')).",
        _value,
        "misprint",
        "(h(x1, t'') - h(x', t'))^T (h(x2, t'') - h(x', t')): every h at the time of its own sample, on both sides.",
    ),
    Statement(
        "P1-two-sample-gradient",
        "not stated; P1 section 3.2, the two-sample formula as a training loss",
        "At given x_t' its gradient is unbiased through the samples; with frozen samples it is that of the violation "
        "under a kernel that does not learn, and so is the one-sided form. All vanish at exact consistency.",
        _gradient,
    ),
    Statement(
        "P1-two-sample-noise",
        "not stated; P1 section 3.2, t' and t'' very close",
        "As t'' -> t' the signal-to-noise ratio of one two-sample estimate falls in proportion to t' - t''.",
        _noise,
    ),
    Statement(
        "P1-A.6-times",
        "P1 Theorem A.6, eq. A.31, the times",
        "t'' ~ U[t' - e, t') for t' ~ U(0, t) are times of the process.",
        _times,
        "correction",
        "t'' ~ U[max(0, t' - e), t'). (3.6) avoids it by t' ~ U(e, t).",
    ),
    Statement(
        "P1-A.32",
        "P1 eq. A.32 (A2)",
        "(h(x, t) - x) / sigma_t^2 = grad Phi(x) for one function Phi and all t.",
        _potential,
        "misprint",
        "Phi depends on t: Phi_t = log p_t up to a constant.",
    ),
    Statement(
        "P1-A.32-boundary",
        "P1 eq. A.32 (A1)",
        "h(x_0, 0) = x_0: the optimal denoiser tends to the identity as sigma_t -> 0.",
        _boundary,
    ),
)
