r"""Ambient Diffusion (Daras et al. 2023): what its loss learns from masked samples, and its sampler."""

from __future__ import annotations

import torch
from torch import Tensor

from ambient import karras
from ambient.data import Batch
from ambient.objectives import PlainWeight
from ambient.objectives.masked import MaskedScoreMatching
from ambient.process import VE, Level, as_level
from theory.measured import masked
from theory.mixture import GaussianMixture
from theory.quadrature import NodeDraws, normal_nodes
from theory.statements.base import Evidence, Findings, Statement
from theory.statements.deviations import At, expectation

_LAW = GaussianMixture(
    torch.tensor([[-0.9, 0.4], [0.8, -0.3]]), torch.tensor([[[0.3, 0.1], [0.1, 0.2]], [[0.2, -0.1], [-0.1, 0.3]]])
)
_LEVEL = VE().level(0.7)
_NODES, _FURTHER = 11, 0.5
_SHOWN = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
"""Masks of the data; each is as likely."""


def _nodes() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """x_0, z, A, B and weights: clean samples, noise, both masks, and the weight of each combination."""
    nodes, weights = normal_nodes(_NODES)
    plane = torch.cartesian_prod(nodes, nodes)
    mass = torch.cartesian_prod(weights, weights).prod(1)
    roots = torch.linalg.cholesky(_LAW.covariances)
    x_0 = (_LAW.means[:, None] + torch.einsum("kij,nj->kni", roots, plane)).reshape(-1, 2)
    hidden = torch.cartesian_prod(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])).double()
    i, j, a, b = (
        index.reshape(-1)
        for index in torch.meshgrid(
            torch.arange(len(x_0)), torch.arange(len(plane)), torch.arange(3), torch.arange(4), indexing="ij"
        )
    )
    weight = mass.repeat(2)[i] / 2 * mass[j] / 12
    return x_0[i], plane[j], _SHOWN[a], hidden[b], weight


def _minimiser() -> Findings:
    """J(h* + d) - J(h*) = E |A d|^2 for the objective that is trained, its random numbers replaced by nodes."""
    x_0, z, shown, kept, weights = _nodes()
    objective = MaskedScoreMatching(_FURTHER, At(_LEVEL), PlainWeight())
    images = (len(x_0), 1, 1, 2)
    batch = Batch(
        (shown * x_0).reshape(images), Level.clean(), torch.arange(len(x_0)), None, {"mask": shown.reshape(images)}
    )
    told: list[tuple[Tensor, Tensor]] = []

    def loss(deviation: float) -> float:
        def denoiser(x_t: Tensor, level: Level | Tensor, **condition: Tensor) -> Tensor:
            flat, own = x_t.reshape(-1, 2), condition["mask"].reshape(-1, 2)
            if not told:
                told.append((masked(_LAW, flat, own, as_level(level)).mean(), _deviation(flat, own)))
            exact, direction = told[0]
            return (exact + deviation * direction).reshape(images)

        normals = [(2 * kept - 1).reshape(images), z.reshape(images)]  # B keeps where the number is positive
        return expectation(objective(denoiser, batch, NodeDraws(normals, [0.5])), weights)

    least = loss(0.0)
    worst = 0.0
    for factor in (-1.0, 0.3, 1.0):
        expected = factor**2 * float(weights @ (shown * told[0][1]).square().mean(1))
        worst = max(worst, abs(loss(factor) - least - expected))
    return Findings((Evidence("|J(h* + d) - J(h*) - E |A d|^2|, three deviations", worst, "<=", 1e-6),))


def _deviation(x: Tensor, mask: Tensor) -> Tensor:
    """A smooth function of what the denoiser is told."""
    return 0.3 * (1.3 * x + 0.4).sin() + 0.2 * mask.flip(1) * x.flip(1).cos()


def _sampler() -> Findings:
    """One mask, a Gaussian law: the law of the samples is Gaussian too, and its covariance is that of two columns."""
    law = GaussianMixture(torch.zeros(1, 2), torch.tensor([[[1.0, 0.6], [0.6, 0.8]]]))
    mask = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    sigmas = karras.karras_sigmas(400, 1e-3, 200.0)

    def denoiser(x: Tensor, sigma: Tensor) -> Tensor:
        return masked(law, x, mask, as_level(sigma)).mean()

    columns = karras.sample_heun(denoiser, float(sigmas[0]) * torch.eye(2, dtype=torch.float64), sigmas, disable=True)
    covariance = columns.T @ columns  # the map is linear, and starts from independent normal numbers
    truth = law.covariances[0]
    given = truth[1, 0] ** 2 / truth[0, 0]
    return Findings(
        (
            Evidence(
                "|variance of the hidden coordinate - true| / true",
                float((covariance[1, 1] / truth[1, 1] - 1).abs()),
                "<=",
                1e-2,
            ),
        ),
        (
            Evidence(
                "|variance of the seen coordinate - true| / true",
                float((covariance[0, 0] / truth[0, 0] - 1).abs()),
                "<=",
                2e-3,
            ),
            Evidence(
                "|variance of the hidden coordinate - that of its conditional mean|",
                float((covariance[1, 1] - given).abs()),
                "<=",
                2e-3,
            ),
        ),
    )


STATEMENTS = (
    Statement(
        "AD-4.2",
        "Ambient Diffusion Theorem 4.2",
        "The minimiser of the loss under further corruption is E[X_0 | A~ X_t, A~] on every pixel that may be seen.",
        _minimiser,
    ),
    Statement(
        "AD-S",
        "Ambient Diffusion section 5, the fixed-mask sampler",
        "Keeping one mask A~ for the whole trajectory samples the data's law, if the network is exact.",
        _sampler,
        "correction",
        "Seen coordinates have the data's law; a hidden one becomes its conditional mean given the seen ones, so "
        "E Var[X_hidden | X_seen] is missing from its variance.",
    ),
)
