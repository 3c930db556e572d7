r"""What a fixed number of noisy samples can tell of E[X_0 | X_t]: the Bayes estimate of one who knows all but the draw.

The law of the world *fixed8* is itself a draw from `RandomMixture`. Given N noisy samples y_i = x_i + sigma_n Z, and
with the family, its constants, the number of components and their weights known, no estimate of the denoiser has, on
average over laws and samples, a smaller error at a level than

    h(x) = E[p_t(x) h_t(x) | y] / E[p_t(x) | y],

where p_t and h_t are the density and the denoiser of a law, and the mean is over laws given the samples. It is computed
by a Gibbs sampler, exact in each of its steps:

    z_i | y_i          component, with chance ~ N(y_i; m_k, V_k + sigma_n^2 I)
    x_i | y_i, z_i     normal
    m_k | x, z         normal
    U_k | x, z, m      density ~ exp(c/2 tr U^T S U), c = 1/floor^2 - 1/(floor^2 + width^2), S = sum (x - m)(x - m)^T:
                       turn one column w of U against one u outside it, w' = w cos a + u sin a; then
                       c/2 w'^T S w' = const + A cos 2a + B sin 2a, so 2a is von Mises

The chain starts at the true law, which is itself a draw from the laws given its samples: so it is stationary from the
first sweep on, and the first sweeps are left out only since they are still near to the truth. An average over finitely
many sweeps T lies above the limit by about 1 / T; half of the chain tells how much is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from rich.progress import track
from torch import Tensor
from torch.distributions import VonMises

from ambient.denoisers import Denoiser
from ambient.process import VE, Level, as_level
from theory.mixture import GaussianMixture
from theory.worlds import FIXED8, RandomMixture, World


@dataclass(frozen=True)
class Chain:
    """How long the sampler runs.

    Attributes:
        sweeps: After `skip`.
        skip: Sweeps that are left out at the start.
        every: Sweeps between laws that are kept.
    """

    sweeps: int
    skip: int
    every: int

    def draw(self, world: World, seed: int) -> list[GaussianMixture]:
        """Laws given the noisy samples of repetition `seed` of a world whose law is a draw from `FIXED8`.

        Raises:
            ValueError: If the world is a stream, of which nobody has a number of samples.
        """
        if world.size is None:
            raise ValueError(f"the world {world.name} has no fixed number of samples")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            chain = laws(world, FIXED8, world.samples(seed, world.size).x.double())
            total = self.skip + self.sweeps
            sweeps = track(islice(chain, total), f"{world.size} samples, seed {seed}", total, transient=True)
            return list(islice(sweeps, self.skip, None, self.every))


def bayes_denoiser(laws: list[GaussianMixture]) -> Denoiser:
    """E[p_t h_t | y] / E[p_t | y] over laws drawn given the samples."""

    def denoiser(x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        level = as_level(level)
        numerator, denominator = torch.zeros_like(x_t), x_t.new_zeros(len(x_t), 1)
        for law in laws:
            density = law.log_density(x_t, level).exp()[:, None]
            numerator += density * law.posterior_mean(x_t, level)
            denominator += density
        return numerator / denominator

    return denoiser


def laws(world: World, prior: RandomMixture, y: Tensor) -> Iterator[GaussianMixture]:
    """Laws given the noisy samples y (N, d), from the world's own on, one a sweep; by PyTorch's global generator.

    Args:
        world: The law that the samples are from, and their sigma_n.
        prior: What the law was drawn from.
        y: Noisy samples in float64.
    """
    means, level = world.mixture.means.clone(), VE().level(world.sigma_n)
    # The last `rank` columns are U, as eigenvalues ascend; the others span what is outside it.
    frames = torch.linalg.eigh(world.mixture.covariances)[1]
    while True:
        covariances = prior.covariances(frames[:, :, prior.dimension - prior.rank :])
        law = GaussianMixture(means, covariances)
        yield law
        z = torch.multinomial(law.responsibilities(y, level), 1).squeeze(1)
        x = _clean(y, means[z], covariances, z, world.sigma_n)
        means = _means(x, z, covariances, prior)
        frames = _turned(frames, _scatter(x - means[z], z, prior.components), prior)


def _clean(y: Tensor, mean: Tensor, covariances: Tensor, z: Tensor, sigma_n: float) -> Tensor:
    """x_i | y_i, z_i."""
    noise = sigma_n**2 * torch.eye(y.shape[1]).to(y)
    gain = covariances @ torch.linalg.inv(covariances + noise)
    root = torch.linalg.cholesky(gain * sigma_n**2)
    return mean + _each(gain[z], y - mean) + _each(root[z], torch.randn_like(y))


def _means(x: Tensor, z: Tensor, covariances: Tensor, prior: RandomMixture) -> Tensor:
    """m_k | x, z: precision n_k V_k^-1 + I / spread^2."""
    total = torch.zeros(len(covariances), x.shape[1]).to(x).index_add_(0, z, x)
    count = torch.bincount(z, minlength=len(covariances)).to(x)
    precision = torch.linalg.inv(covariances)
    posterior = torch.linalg.inv(count[:, None, None] * precision + torch.eye(x.shape[1]).to(x) / prior.spread**2)
    return _each(posterior @ precision, total) + _each(torch.linalg.cholesky(posterior), torch.randn_like(total))


def _scatter(residual: Tensor, z: Tensor, components: int) -> Tensor:
    d = residual.shape[1]
    return residual.new_zeros(components, d, d).index_add_(0, z, residual[:, :, None] * residual[:, None, :])


def _turned(frames: Tensor, scatter: Tensor, prior: RandomMixture) -> Tensor:
    """U_k | x, z, m: each column of U turned against each outside it, once."""
    frames = frames.clone()
    c = 1 / prior.floor**2 - 1 / (prior.floor**2 + prior.width**2)
    outside = prior.dimension - prior.rank
    for i in range(outside):
        for j in range(outside, prior.dimension):
            u, w = frames[:, :, i], frames[:, :, j]
            su, sw = _each(scatter, u), _each(scatter, w)
            along, across = c / 4 * ((w * sw).sum(1) - (u * su).sum(1)), c / 2 * (w * su).sum(1)
            concentration = (along.square() + across.square()).sqrt().clamp(min=1e-9)
            double = VonMises(torch.atan2(across, along), concentration).sample()
            angle = double[:, None] / 2
            turned = w * angle.cos() + u * angle.sin(), u * angle.cos() - w * angle.sin()
            frames[:, :, j], frames[:, :, i] = turned
    return frames


def _each(matrices: Tensor, vectors: Tensor) -> Tensor:
    return (matrices @ vectors[:, :, None]).squeeze(2)
