"""The Gibbs sampler over laws, against posteriors by quadrature."""

from __future__ import annotations

import json
import math
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ambient.process import VE
from benchmarks.limit.gibbs import Chain, _turned, bayes_denoiser, laws
from benchmarks.limit.report import report
from theory.mixture import GaussianMixture
from theory.worlds import RandomMixture, World, easy


def normal(x: Tensor, mean: Tensor | float, variance: float) -> Tensor:
    return torch.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def test_a_turned_column_has_the_bingham_density() -> None:
    """In the plane one turn is a draw from exp(c/2 w^T S w); its second moments, by quadrature over the angle."""
    torch.manual_seed(0)
    prior = RandomMixture(2, 40_000, rank=1)
    scatter = torch.tensor([[0.30, 0.08], [0.08, 0.21]], dtype=torch.float64)
    frames = torch.eye(2, dtype=torch.float64).expand(prior.components, 2, 2)
    turned = _turned(frames, scatter.expand(prior.components, 2, 2), prior)
    assert torch.allclose(turned @ turned.mT, frames, atol=1e-12)
    found = (turned[:, :, 1:] @ turned[:, :, 1:].mT).mean(0)
    angle = torch.linspace(0, math.pi, 2001, dtype=torch.float64)[:-1]
    w = torch.stack([angle.cos(), angle.sin()], 1)
    density = torch.exp((1 / 0.04 - 1 / 0.2) / 2 * ((w @ scatter) * w).sum(1))
    exact = torch.einsum("n,ni,nj->ij", density, w, w) / density.sum()
    assert torch.allclose(found, exact, atol=0.008)
    assert float((exact - torch.eye(2) / 2).abs().max()) > 0.1


@pytest.mark.slow
def test_the_orientation_of_one_cluster_with_an_unknown_mean() -> None:
    """One cluster in the plane: with m integrated out, the posterior of U's angle by quadrature."""
    torch.manual_seed(0)
    prior = RandomMixture(2, 1, rank=1)
    world = World("plane", prior.draw(seed=1), 0.3, 12)
    y = world.samples(0, 12).x.double()
    found = torch.zeros(2, 2, dtype=torch.float64)
    for law in islice(laws(world, prior, y), 3000):
        found += (law.covariances[0] - 0.04 * torch.eye(2)) / 0.16 / 3000
    angle = torch.linspace(0, math.pi, 721, dtype=torch.float64)[:-1]
    u = torch.stack([angle.cos(), angle.sin()], 1)[:, :, None]
    noisy = prior.covariances(u) + 0.09 * torch.eye(2)
    # all 24 coordinates of y are jointly normal: independent noise about a common N(0, spread^2 I)
    joint = torch.stack([torch.kron(torch.eye(12, dtype=torch.float64), c) for c in noisy])
    joint += prior.spread**2 * torch.kron(torch.ones(12, 12, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
    log_density = -0.5 * (torch.linalg.solve(joint, y.flatten()) @ y.flatten() + torch.logdet(joint))
    weight = (log_density - log_density.max()).exp()
    exact = torch.einsum("n,nij->ij", weight, u @ u.mT) / weight.sum()
    assert torch.allclose(found, exact, atol=0.03)


def test_the_bayes_denoiser_of_two_clusters_on_a_line() -> None:
    """E[p h | y] / E[p | y] over two unknown means, by quadrature; which sample is whose is unknown too."""
    torch.manual_seed(0)
    prior, sigma_n = RandomMixture(1, 2, rank=0), 0.3
    world = World("line", GaussianMixture(*_line(prior)), sigma_n, 5)
    y = world.samples(3, 5).x.double()
    drawn = list(islice(laws(world, prior, y), 3000))
    x_t, sigma = torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)[:, None], 0.2
    found = bayes_denoiser(drawn)(x_t, VE().level(sigma))
    m = torch.linspace(-3, 3, 241, dtype=torch.float64)
    a, b = torch.meshgrid(m, m, indexing="ij")
    weight = normal(a, 0.0, 0.49) * normal(b, 0.0, 0.49)
    for value in y.flatten():
        weight = weight * (normal(value, a, 0.04 + sigma_n**2) + normal(value, b, 0.04 + sigma_n**2))
    gain = 0.04 / (0.04 + sigma**2)
    exact = []
    for x in x_t.flatten():
        p_a, p_b = normal(x, a, 0.04 + sigma**2), normal(x, b, 0.04 + sigma**2)
        above = (weight * (p_a * (a + gain * (x - a)) + p_b * (b + gain * (x - b)))).sum()
        exact.append(above / (weight * (p_a + p_b)).sum())
    assert torch.allclose(found.flatten(), torch.stack(exact), atol=0.02)


def _line(prior: RandomMixture) -> tuple[Tensor, Tensor]:
    means = torch.tensor([[-0.5], [0.4]], dtype=torch.float64)
    return means, prior.covariances(torch.zeros(2, 1, 0, dtype=torch.float64))


@pytest.mark.slow
def test_more_samples_tell_more(tmp_path: Path) -> None:
    report((300, 3000), (0,), Chain(sweeps=20, skip=20, every=10), tmp_path)
    figures = json.loads((tmp_path / "limit.json").read_text())
    few, many = figures["300 samples, seed 0, 20 sweeps"], figures["3000 samples, seed 0, 20 sweeps"]
    assert all(a > 2 * b for a, b in zip(few, many, strict=True))


def test_a_stream_has_no_limit() -> None:
    with pytest.raises(ValueError, match="easy has no fixed number of samples"):
        Chain(2, 0, 1).draw(easy(), 0)
