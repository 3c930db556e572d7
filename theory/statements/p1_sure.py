r"""P1 section 2.2: Stein's unbiased risk estimate, and how its divergence is estimated.

For X = X_0 + sigma Z in d dimensions and any weakly differentiable h (Stein 1981),

    E |h(X) - X_0|^2  =  E[ |h(X) - X|^2 + 2 sigma^2 div h(X) ] - d sigma^2.

P1 prints 2 sigma^2 (div h)^2. Its two estimators of div h, for z ~ N(0, I), are the finite difference
z . (h(x + e z) - h(x)) / e, with the mean (div h * N(0, e^2 I))(x) = div h + (e^2 / 2) Laplacian(div h) + O(e^4), and
the Jacobian-vector product z . (dh/dx) z, with the mean div h and the variance 2 |sym dh/dx|_F^2.
"""

from __future__ import annotations

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from ambient.data import Batch
from ambient.objectives import (
    PlainWeight,
)
from ambient.objectives.sure import SURE
from ambient.process import VE, Level
from theory.quadrature import NodeDraws, grid, mixture_nodes, normal_nodes
from theory.statements.base import Evidence, Findings, Statement
from theory.statements.deviations import DEVIATIONS, deviated, expectation
from theory.statements.worlds import LINE, gradient, jacobian, mixture, samples

_LEVEL = VE().level(0.7)


def _risk(squared: bool) -> tuple[Evidence, ...]:
    """How far the objective, with the divergence squared or not, is from the true risk and its minimiser."""
    x, weights = mixture_nodes(LINE, _LEVEL, 80)
    (x_0, z), product = grid(mixture_nodes(LINE, Level.clean(), 40), normal_nodes(60))
    x_t = x_0 + _LEVEL.sigma * z
    gaps = []
    for delta in (None, *DEVIATIONS):
        h = deviated(LINE, delta)
        divergence = gradient(lambda y, h=h: h(y, _LEVEL)[:, 0], x)[:, 0]  # type: ignore[misc]
        power = divergence**2 if squared else divergence
        estimate = weights @ ((h(x, _LEVEL) - x)[:, 0] ** 2 + 2 * _LEVEL.sigma**2 * power)
        gaps.append(float(estimate - product @ (h(x_t, _LEVEL) - x_0)[:, 0] ** 2 - _LEVEL.sigma**2))
    slope = _linear_minimiser(squared)
    optimal = 1 / (1 + float(_LEVEL.sigma) ** 2)
    return (
        Evidence("|objective - d sigma^2 - true risk|, four h", max(map(abs, gaps)), "<=", 1e-9),
        Evidence(
            f"|c - {optimal:.3f}|, best linear h = c x for N(0, I) in d = 16; c = {slope:.3f}",
            abs(slope - optimal),
            "<=",
            1e-6,
        ),
    )


def _linear_minimiser(squared: bool, dimension: int = 16) -> float:
    """The c that minimises the objective over h = c x for X_0 ~ N(0, I)."""
    noise = float(_LEVEL.sigma) ** 2

    def objective(c: float) -> float:
        divergence = c * dimension
        return (1 - c) ** 2 * dimension * (1 + noise) + 2 * noise * (divergence**2 if squared else divergence)

    return float(minimize_scalar(objective, bracket=(0.0, 0.5), options={"xtol": 1e-12}).x)


def _sure() -> Findings:
    x, weights = mixture_nodes(LINE, _LEVEL, 80)
    batch = Batch(x, _LEVEL, torch.arange(len(x)))
    (x_0, z), product = grid(mixture_nodes(LINE, Level.clean(), 40), normal_nodes(60))
    worst = 0.0
    for delta in (None, *DEVIATIONS):
        h = deviated(LINE, delta)
        risk = product @ (h(x_0 + _LEVEL.sigma * z, _LEVEL) - x_0)[:, 0] ** 2
        loss = SURE(PlainWeight())(h, batch, NodeDraws([torch.ones_like(x)]))
        worst = max(worst, abs(expectation(loss, weights) - float(risk)))
    ours = Evidence("|E of ambient's SURE objective - true risk|, four h", worst, "<=", 1e-9)
    return Findings(_risk(squared=True), (*_risk(squared=False), ours))


def _divergence(x: Tensor) -> Tensor:
    return gradient(lambda y: LINE.posterior_mean(y, _LEVEL)[:, 0], x)


def _finite_difference(x: Tensor, step: float) -> Tensor:
    """The mean of the finite-difference estimator over z, by quadrature, at points x (N, 1): (N, 1)."""
    z, weights = normal_nodes(30)
    difference = LINE.posterior_mean((x + step * z).reshape(-1, 1), _LEVEL).reshape(len(x), -1)
    return ((difference - LINE.posterior_mean(x, _LEVEL)) * z / step) @ weights[:, None]


def _monte_carlo() -> Findings:
    x = samples(LINE, _LEVEL, 50)
    truth = _divergence(x)
    bias = {step: _finite_difference(x, step) - truth for step in (0.04, 0.02, 0.01)}
    laplacian = gradient(lambda y: _second_order(y)[:, 0], x)
    predicted = 0.01**2 / 2 * laplacian
    order = (bias[0.04].norm() / bias[0.02].norm()).log2()
    scale = float(truth.abs().max())
    unexplained = _size(bias[0.01] - predicted, _size(bias[0.01]))
    product = _jacobian_product_error()
    return Findings(
        (
            Evidence("bias of the finite difference at e = 0.01, relative", _size(bias[0.01], scale), "<=", 1e-10),
            Evidence("the same in float32 at e = 1e-7, RMS", _single_precision(x), "<=", 1e-4),
        ),
        (
            Evidence("relative error of the mean Jacobian-vector product, d = 3", product[0], "<=", 1e-12),
            Evidence("relative error of its variance 2 |sym J|_F^2", product[1], "<=", 1e-12),
            Evidence("error of (e^2 / 2) Laplacian(div h), relative to the bias", unexplained, "<=", 5e-3),
            Evidence("|order of the bias in e - 2|", abs(float(order) - 2), "<=", 0.01),
        ),
    )


def _second_order(x: Tensor) -> Tensor:
    """d/dx of div h, keeping the graph, (N, 1)."""
    first = torch.autograd.grad(LINE.posterior_mean(x, _LEVEL).sum(), x, create_graph=True)[0]
    return torch.autograd.grad(first.sum(), x, create_graph=True)[0]


def _size(values: Tensor, scale: float = 1.0) -> float:
    return float(values.abs().max()) / scale


def _single_precision(x: Tensor, step: float = 1e-7, probes: int = 200) -> float:
    """RMS difference, over Gaussian probes, of the float32 finite difference from its float64 limit z^2 div h."""
    z = torch.randn(probes, 1, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = x.float().expand(probes, -1, -1)
    moved = points + step * z.float()
    h, h_moved = (LINE.posterior_mean(y.reshape(-1, 1), _LEVEL).reshape(points.shape) for y in (points, moved))
    estimate = z.float() * (h_moved - h) / step
    return float((estimate.double() - z**2 * _divergence(x)).square().mean().sqrt())


def _jacobian_product_error() -> tuple[float, float]:
    """Relative errors of the mean and of the variance of z . J z in three dimensions, by quadrature over z."""
    law = mixture(3)
    (x,) = samples(law, _LEVEL, 1)
    axes, weights = grid(*[normal_nodes(6)] * 3)
    z = torch.cat(axes, 1)
    points = x.repeat(len(z), 1)
    product = torch.func.jvp(lambda y: law.posterior_mean(y, _LEVEL), (points,), (z,))[1]
    values = (z * product).sum(1)
    mean = float(weights @ values)
    matrix = jacobian(lambda y: law.posterior_mean(y, _LEVEL), x[None])[0]
    trace, symmetric = float(matrix.trace()), (matrix + matrix.mT) / 2
    variance = float(weights @ (values - mean) ** 2)
    predicted = 2 * float(symmetric.square().sum())
    return abs(mean / trace - 1), abs(variance / predicted - 1)


def _probes() -> Findings:
    """Rademacher probes: the same mean, and a variance without the diagonal."""
    law = mixture(3)
    (x,) = samples(law, _LEVEL, 1)
    matrix = jacobian(lambda y: law.posterior_mean(y, _LEVEL), x[None])[0]
    z = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 3)
    values = torch.einsum("bi,ij,bj->b", z, matrix, z)
    symmetric = (matrix + matrix.mT) / 2
    off_diagonal = symmetric - symmetric.diagonal().diag()
    predicted = 2 * float(off_diagonal.square().sum())
    spread = float(values.var(correction=0))
    gaussian = 2 * float(symmetric.square().sum())
    return Findings(
        (
            Evidence("relative error of the mean", abs(float(values.mean() / matrix.trace()) - 1), "<=", 1e-12),
            Evidence("relative error of the variance", abs(spread / predicted - 1), "<=", 1e-12),
            Evidence("variance against that of Gaussian probes", predicted / gaussian, "<", 1.0),
        )
    )


STATEMENTS = (
    Statement(
        "P1-SURE",
        "P1 section 2.2, J_SURE",
        "E[|h - x|^2 + 2 sigma^2 (div h)^2] is minimised by E[X_0|X_n].",
        _sure,
        "misprint",
        "|h - x|^2 + 2 sigma^2 div h - d sigma^2, without the square, is the risk of h in the mean.",
    ),
    Statement(
        "P1-SURE-MC",
        "P1 section 2.2, the Monte Carlo approximations",
        "The finite difference and the Jacobian-vector product are both unbiased estimators of the divergence.",
        _monte_carlo,
        "correction",
        "Only the Jacobian-vector product is, with variance 2 |sym J|_F^2; the finite difference has the bias "
        "(e^2 / 2) Laplacian(div h) and, in float32, rounding errors of order 1e-7 / e.",
    ),
    Statement(
        "P1-SURE-probes",
        "P1 section 2.2, averaging over z",
        "Rademacher probes have the same mean and the variance 2 |sym J|_F^2 without its diagonal.",
        _probes,
    ),
)
