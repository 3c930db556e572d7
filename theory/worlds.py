r"""Worlds with exact answers: Gaussian mixtures seen only through the noise of one nature level.

A world is a law of X_0, a nature level t_n and a number of noisy samples. The seed of a world's law is fixed; a
repetition draws other samples and other noise. Where `size` is None a run sees each sample once, as from a stream.

    world     dimension  components                                         sigma_n  samples
    easy      2          8 of sd .08 at random places, at least .5 apart    .2       stream
    hard      2          25 of sd .025 on a grid of spacing .6 (sigma_n/8)  .2       stream
    fixed8    8          16 of sd .45 in 4 random directions, .2 in 4       .5       4,000
    stream32  32         8 of sd .45 in 16 random directions, .2 in 16      .5       stream
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ambient.data import Samples
from ambient.process import VE, Level
from theory.mixture import GaussianMixture


@dataclass(frozen=True, eq=False)
class World:
    """A law, the level it is seen at, and how often.

    Attributes:
        name: As in `WORLDS`.
        mixture: The law of X_0.
        sigma_n: The nature level, in variance-exploding coordinates.
        size: Number of samples of a run, or None for a stream.
    """

    name: str
    mixture: GaussianMixture
    sigma_n: float
    size: int | None = None

    @property
    def nature(self) -> Level:
        """t_n."""
        return VE().level(self.sigma_n)

    @property
    def sigma_data(self) -> float:
        """Root mean square of a coordinate's deviation from its mean, from the exact covariance."""
        weights, means = self.mixture.weights, self.mixture.means
        assert weights is not None
        weights = weights / weights.sum()
        within = (weights[:, None, None] * self.mixture.covariances).sum(0)
        centred = means - (weights[:, None] * means).sum(0)
        between = (weights[:, None] * centred).T @ centred
        return math.sqrt(float((within + between).trace()) / self.mixture.dimension)

    def draw(self, n: int, seed: int) -> Tensor:
        """n clean samples, (n, d) float32."""
        source = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, 17]).generate_state(1)[0]))
        return self.mixture.sample(n, source).float()

    def samples(self, seed: int, images: int, clean: bool = False) -> Samples:
        """The training set of repetition `seed`: clean for the oracle, else its noisy copy and nothing besides.

        Args:
            seed: Decides the samples and their noise.
            images: How many a run looks at; the size of a stream.
            clean: Whether to give the clean samples instead of the noisy ones.
        """
        x_0 = self.draw(self.size or images, seed)
        if clean:
            return Samples.of_clean(x_0)
        source = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, 19]).generate_state(1)[0]))
        noise = torch.randn(x_0.shape, generator=source)
        return Samples(self.nature.perturb(x_0, noise), self.nature, torch.arange(len(x_0)))


@dataclass(frozen=True)
class RandomMixture:
    """A law of laws: means ~ N(0, spread^2 I), covariances floor^2 I + width^2 U U^T, equal weights.

    Attributes:
        dimension: d.
        components: K.
        rank: Columns of each U, random and orthonormal.
        spread, width, floor: See above.
    """

    dimension: int
    components: int
    rank: int
    spread: float = 0.7
    width: float = 0.4
    floor: float = 0.2

    def draw(self, seed: int) -> GaussianMixture:
        """One law, a function of the seed."""
        source = torch.Generator().manual_seed(seed)
        means = self.spread * torch.randn(self.components, self.dimension, dtype=torch.float64, generator=source)
        wide = torch.randn(self.components, self.dimension, self.rank, dtype=torch.float64, generator=source)
        return GaussianMixture(means, self.covariances(torch.linalg.qr(wide)[0]))

    def covariances(self, frames: Tensor) -> Tensor:
        """floor^2 I + width^2 U U^T, (K, d, d), for U (K, d, rank)."""
        return self.floor**2 * torch.eye(self.dimension).to(frames) + self.width**2 * frames @ frames.mT


FIXED8 = RandomMixture(8, 16, rank=4)


def easy() -> World:
    """Eight round clusters at random places, of 0.4 times the noise's width.

    No two of them are closer than .55, and none has a symmetric place: on a regular ring the gradient of a small
    network starts out at zero, and one would measure how long it takes to leave that plateau.
    """
    source = torch.Generator().manual_seed(0)
    places: list[Tensor] = []
    while len(places) < 8:
        place = 0.9 * torch.randn(2, dtype=torch.float64, generator=source)
        if all(float((place - other).norm()) > 0.55 for other in places):
            places.append(place)
    means = torch.stack(places) - torch.stack(places).mean(0)
    means = 0.905 * means / means.square().mean().sqrt()
    return World("easy", GaussianMixture(means, _round(0.08, 8)), 0.2)


def hard() -> World:
    """Clusters eight times narrower than the noise."""
    axis = torch.arange(-2, 3, dtype=torch.float64) * 0.6
    means = torch.cartesian_prod(axis, axis)
    return World("hard", GaussianMixture(means, _round(0.025, 25)), 0.2)


def fixed8() -> World:
    """Sixteen clusters in 8 dimensions, of which a run has 4,000 samples."""
    return World("fixed8", FIXED8.draw(seed=8), 0.5, 4000)


def stream32() -> World:
    """Eight clusters in 32 dimensions, each wide in 16 of them."""
    return World("stream32", RandomMixture(32, 8, rank=16).draw(seed=8), 0.5)


WORLDS: dict[str, Callable[[], World]] = {"easy": easy, "hard": hard, "fixed8": fixed8, "stream32": stream32}


def _round(sd: float, components: int) -> Tensor:
    return sd**2 * torch.eye(2, dtype=torch.float64).expand(components, 2, 2)
