r"""Expectations without Monte Carlo: Gauss-Hermite nodes in the place of random numbers.

An objective of `ambient` is a function of a batch and of its draws. Given nodes for draws, and the nodes' weights for
the mean of its per-sample losses, it becomes its own exact expectation (to rounding, for the smooth denoisers used
here), and identities between expectations can be checked to twelve digits instead of three.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ambient.process import Level
from ambient.randomness import Draws
from theory.mixture import GaussianMixture


def normal_nodes(n: int) -> tuple[Tensor, Tensor]:
    """Gauss-Hermite nodes and weights, (n,) each, of the standard normal; the weights sum to 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())


def mixture_nodes(mixture: GaussianMixture, level: Level, n: int) -> tuple[Tensor, Tensor]:
    """Nodes x_t, (K n, 1), and weights, (K n,), of a one-dimensional mixture at one level: n for each component.

    Raises:
        ValueError: If the mixture has more than one dimension.
    """
    if mixture.dimension != 1:
        raise ValueError(f"the nodes are those of one dimension, the mixture has {mixture.dimension}")
    z, w = normal_nodes(n)
    law = mixture.at(level)
    assert law.weights is not None
    std = law.covariances.reshape(-1).sqrt()
    x = law.means + std[:, None] * z
    return x.reshape(-1, 1), (law.weights[:, None] * w).reshape(-1)


def grid(*axes: tuple[Tensor, Tensor]) -> tuple[list[Tensor], Tensor]:
    """The product of several rules.

    Args:
        axes: Pairs (nodes, weights), with nodes (n_i,) or (n_i, 1).

    Returns:
        The coordinate of each axis, (N, 1) with N the product of the n_i, and the weights (N,).
    """
    nodes = torch.meshgrid(*(x.reshape(-1) for x, _ in axes), indexing="ij")
    weights = torch.meshgrid(*(w for _, w in axes), indexing="ij")
    return [x.reshape(-1, 1) for x in nodes], torch.stack(weights).prod(0).reshape(-1)


class NodeDraws(Draws):
    """Draws that hand out given numbers in the order in which an objective asks for them.

    Attributes:
        normals: The successive normal draws, (B, *) each.
        uniforms: The successive uniform draws, (B,) or () each.
    """

    def __init__(self, normals: Sequence[Tensor], uniforms: Sequence[Tensor | float] = ()) -> None:
        super().__init__(torch.Generator())
        self.normals = list(normals)
        self.uniforms = [torch.as_tensor(u, dtype=torch.float64) for u in uniforms]

    def normal(self, like: Tensor) -> Tensor:
        """The next normal numbers, in the dtype of `like`.

        Raises:
            ValueError: If they are not of the shape of `like`.
        """
        nodes = self.normals.pop(0)
        if nodes.shape != like.shape:
            raise ValueError(f"the objective asks for {tuple(like.shape)}, the nodes are {tuple(nodes.shape)}")
        return nodes.to(like)

    def uniform(self, like: Tensor) -> Tensor:
        """The next uniform numbers, one for each sample of `like`, (B,)."""
        return self.uniforms.pop(0).expand(len(like))
