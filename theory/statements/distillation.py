r"""Score distillation from corrupted data: SiD's loss, and what RSD's linear theory says (Zhang et al. 2025).

RSD's theory takes X = E z with E of r columns, Y = A X + noise, and a linear generator U z. Between Gaussians the
distillation loss is the Fisher divergence of the noised laws under every operator,

    sum over A, s of tr(P (T^{-1} - P^{-1})^2),    P = A U U^T A^T + s^2 I,   T = A C A^T + s^2 I,

with C the covariance that the teacher learnt. It is minimised here by L-BFGS from a random start, in float64.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ambient.distil import generator_loss, outward_variance
from theory.mixture import GaussianMixture
from theory.quadrature import grid, normal_nodes
from theory.statements.base import Evidence, Findings, Statement
from theory.statements.worlds import LINE

_LEVELS = (0.3, 0.7, 1.5)
_DIMENSION, _RANK = 8, 2


def _value() -> Findings:
    """The generator's law is a mixture whose posterior mean is the exact fake; the teacher's is another."""
    generator = GaussianMixture(torch.tensor([[-0.8], [0.9]]), torch.tensor([0.16, 0.04]))
    worst, negative = 0.0, math.inf
    for sigma in _LEVELS:
        level = torch.tensor(sigma, dtype=torch.float64)
        nodes = normal_nodes(60)
        for alpha in (0.5, 1.0, 1.2):
            value = difference = 0.0
            for mean, variance in zip(generator.means, generator.covariances, strict=True):
                (e, z), weights = grid(nodes, nodes)
                y = mean + variance.sqrt() * e
                y_t = y + level * z
                r, f = (law.denoiser(y_t, level.expand(len(y_t))) for law in (LINE, generator))
                value += float(weights @ generator_loss(r, f, y, alpha)) / len(generator.means)
                difference += float(weights @ (r - f).square()[:, 0]) / len(generator.means)
            worst = max(worst, abs(value - (1 - alpha) * difference))
            negative = min(negative, value) if alpha == 1.2 else negative
    return Findings(
        (
            Evidence("|E loss - (1 - alpha) E|r - f|^2|, three levels, alpha .5, 1, 1.2", worst, "<=", 1e-8),
            Evidence("least value at alpha 1.2, far from convergence", negative, "<", 0.0),
        )
    )


def _slope(g2: float, variance: float, sigma: float, alpha: float) -> float:
    """d loss / d(g^2) by automatic differentiation, the fake frozen where it is exact for g^2."""
    (e, z), weights = grid(normal_nodes(8), normal_nodes(8))
    wide = torch.tensor(g2, dtype=torch.float64, requires_grad=True)
    y = wide.sqrt() * e
    y_t = y + sigma * z
    a_r, a_f = variance / (variance + sigma**2), g2 / (g2 + sigma**2)
    loss = weights @ generator_loss(a_r * y_t, a_f * y_t, y, alpha)
    return float(torch.autograd.grad(loss, wide)[0])


def _sign() -> Findings:
    inward, crossing = -math.inf, 0.0
    for sigma in _LEVELS:
        for variance in (0.2, 1.0):
            for g2 in (2 * variance, 10 * variance, 100 * variance):
                inward = max(inward, -_slope(g2, variance, sigma, 1.0))
            bound = outward_variance(sigma, variance, 1.2)
            low, high = variance * 1.01, 10 * bound
            for _ in range(200):  # the root, by halving: above it the slope is negative
                middle = (low + high) / 2
                low, high = (middle, high) if _slope(middle, variance, sigma, 1.2) > 0 else (low, middle)
            crossing = max(crossing, abs(low / bound - 1))
    return Findings(
        (
            Evidence(
                "-slope of a generator that is too wide, alpha 1.2, g^2 = 20 S, s^2 = S",
                -_slope(20.0, 1.0, 1.0, 1.2),
                "<=",
                0.0,
            ),
        ),
        (
            Evidence("largest -slope of a generator that is too wide, alpha 1", inward, "<", 0.0),
            Evidence("relative distance of the sign's change to (s^2 + alpha S) / (alpha - 1)", crossing, "<=", 1e-6),
        ),
    )


def _spectrum() -> tuple[Tensor, Tensor]:
    """E with r orthonormal columns, and C = E diag E^T."""
    source = torch.Generator().manual_seed(0)
    frame = torch.linalg.qr(torch.randn(_DIMENSION, _RANK, dtype=torch.float64, generator=source))[0]
    return frame, frame @ torch.diag(torch.tensor([2.0, 0.5], dtype=torch.float64)) @ frame.T


def _student(operators: Tensor, covariance: Tensor, rank: int, seed: int = 1) -> tuple[Tensor, float]:
    """U U^T of the linear generator of least distillation loss, and that loss."""
    source = torch.Generator().manual_seed(seed)
    u = (0.5 * torch.randn(_DIMENSION, rank, dtype=torch.float64, generator=source)).requires_grad_()
    optimiser = torch.optim.LBFGS(
        [u], max_iter=3000, max_eval=6000, tolerance_grad=1e-15, tolerance_change=0, line_search_fn="strong_wolfe"
    )
    eye = torch.eye(operators.shape[1], dtype=torch.float64)

    def loss() -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for sigma in _LEVELS:
            learnt = operators @ covariance @ operators.mT + sigma**2 * eye
            made = operators @ (u @ u.T) @ operators.mT + sigma**2 * eye
            gap = torch.linalg.inv(learnt) - torch.linalg.inv(made)
            total = total + (made @ gap @ gap).diagonal(dim1=1, dim2=2).sum(1).mean()
        return total

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(closure)
    return (u @ u.T).detach(), float(loss().detach())


def _angle(found: Tensor, frame: Tensor) -> float:
    """The largest principal angle, in degrees, of the r leading eigenvectors of `found` to the columns of `frame`."""
    leading = torch.linalg.eigh(found)[1][:, -frame.shape[1] :]
    outside = leading - frame @ (frame.T @ leading)  # its norm is the sine, which keeps small angles
    return math.degrees(math.asin(min(1.0, float(torch.linalg.matrix_norm(outside, 2)))))


def _identity() -> Findings:
    frame, covariance = _spectrum()
    found, loss = _student(torch.eye(_DIMENSION, dtype=torch.float64)[None], covariance, _RANK)
    error = float((found - covariance).abs().max())
    return Findings(
        (
            Evidence("largest angle to the clean eigenspace, degrees", _angle(found, frame), "<=", 1e-4),
            Evidence("loss there", loss, "<=", 1e-15),
        ),
        (Evidence("largest error of the whole covariance", error, "<=", 1e-7),),
    )


def _linear() -> Findings:
    frame, covariance = _spectrum()
    source = torch.Generator().manual_seed(2)
    one = torch.randn(1, _DIMENSION // 2, _DIMENSION, dtype=torch.float64, generator=source)
    masks = (torch.rand(24, _DIMENSION, generator=source) > 0.5).double()
    found, loss = _student(one, covariance, _RANK)
    many, _ = _student(torch.diag_embed(masks), covariance, _RANK)
    return Findings(
        (
            Evidence(f"loss of the student under one {_DIMENSION // 2} x {_DIMENSION} matrix", loss, "<=", 1e-15),
            Evidence("its angle to the clean eigenspace, degrees", _angle(found, frame), "<=", 1e-4),
        ),
        (
            Evidence("angle under 24 masks, degrees", _angle(many, frame), "<=", 1e-4),
            Evidence("error of the covariance under 24 masks", float((many - covariance).abs().max()), "<=", 1e-6),
            Evidence("angle under one wide matrix, degrees", _angle(found, frame), ">=", 30.0),
        ),
    )


def _finite() -> Findings:
    """The teacher saw 256 noisy samples: its covariance is S_N - sigma_n^2 I, which is not of rank r."""
    _, covariance = _spectrum()
    source, sigma_n = torch.Generator().manual_seed(3), 0.5
    root = torch.linalg.cholesky(covariance + sigma_n**2 * torch.eye(_DIMENSION))
    x = torch.randn(256, _DIMENSION, dtype=torch.float64, generator=source) @ root.T
    learnt = x.T @ x / len(x) - sigma_n**2 * torch.eye(_DIMENSION)
    values, vectors = torch.linalg.eigh(learnt)
    truncated = (vectors[:, -_RANK:] * values[-_RANK:]) @ vectors[:, -_RANK:].T
    found, _ = _student(torch.eye(_DIMENSION, dtype=torch.float64)[None], learnt, _RANK)
    norm = torch.linalg.matrix_norm
    return Findings(
        (
            Evidence(
                "|student - truncation of rank r| / |truncation|",
                float(norm(found - truncated) / norm(truncated)),
                "<=",
                1e-2,
            ),
            Evidence(
                "error of the student over its teacher's, clean covariance",
                float(norm(found - covariance) / norm(learnt - covariance)),
                "<",
                1.0,
            ),
            Evidence("angle between student and teacher, degrees", _angle(found, vectors[:, -_RANK:]), "<=", 0.5),
        )
    )


STATEMENTS = (
    Statement(
        "SID-1",
        "SiD's generator loss with an exact fake denoiser",
        "The expected loss is (1 - alpha) E|r - f|^2, so at alpha = 1.2 it is negative away from the optimum.",
        _value,
    ),
    Statement(
        "SID-2",
        "SiD's generator loss, one Gaussian coordinate",
        "A gradient step at alpha = 1.2 narrows a generator that is too wide.",
        _sign,
        "correction",
        "It does at alpha <= 1; at alpha > 1 it widens it further once g^2 > (s^2 + alpha S) / (alpha - 1).",
    ),
    Statement(
        "RSD-1",
        "RSD, linear theory, A = I",
        "The distillation loss of a linear generator of rank r is least where it spans the clean data's eigenspace.",
        _identity,
        corrected_form="Its whole covariance is then the clean one.",
    ),
    Statement(
        "RSD-2",
        "RSD, linear theory, linear measurements",
        "The same from linear measurements Y = A X + noise.",
        _linear,
        "correction",
        "If U U^T -> (A U U^T A^T) over all A is injective on matrices of rank r: many masks yes, one wide matrix no.",
    ),
    Statement(
        "RSD-3",
        "RSD, implicit regularisation",
        "From finite data the student is nearer to the clean law than its teacher: it is the teacher's covariance cut "
        "to rank r, with the teacher's own leading eigenvectors.",
        _finite,
    ),
)
