r"""P1's consistency loss as an exact expectation, in variance-exploding coordinates on a line.

`ambient.objectives.Consistency` is called on Gauss-Hermite nodes for the noises of its two samples x1, x2, so that for
each x_t' the weighted mean of its per-sample losses is the expectation over them. Beside it stands the squared
violation (E h(x_t'', t'') - h(x_t', t'))^2 written out by hand, with the ancestral step from t' to t''

    x_t'' = q x_t' + (1 - q) h(x_t', t') + sqrt(q (t'^2 - t''^2)) Z,    q = (t'' / t')^2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ambient.data import Batch
from ambient.denoisers import Denoiser
from ambient.kernels import Kernel, Step, ancestral
from ambient.objectives.consistency import Consistency, FromAbove, Gradient, WithinEpsilon
from ambient.process import VE, Level
from theory.mixture import GaussianMixture, ReverseKernel
from theory.quadrature import NodeDraws, grid, mixture_nodes, normal_nodes
from theory.statements.deviations import At


@dataclass(frozen=True, eq=False)
class Times:
    """The times of one evaluation, t_n < t and t'' < t' < t; VE, so they are sigmas.

    Attributes:
        nature: t_n.
        t: t.
        middle: t'.
        end: t''.
    """

    nature: float = 0.6
    t: float = 1.2
    middle: float = 0.8
    end: float = 0.5


@dataclass(frozen=True)
class _Two:
    """t in the first draw and t' in the second."""

    first: At
    second: At

    def draw(self, u: Tensor, above: Level | None = None, below: Level | None = None) -> Level:
        """t where the draw is cut from below, t' where it is cut from above."""
        return (self.first if above is not None else self.second).draw(u)


@dataclass
class Recorded:
    """A denoiser that remembers what it was asked.

    Attributes:
        denoiser: The denoiser it stands for.
        calls: The samples and levels of every call.
    """

    denoiser: Denoiser
    calls: list[tuple[Tensor, Level]]

    def __call__(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        assert isinstance(level, Level)
        self.calls.append((x_t, level))
        return self.denoiser(x_t, level, **condition)


@dataclass(frozen=True, eq=False)
class TwoSamples:
    """What the objective says of every x_t', with x1 and x2 integrated out.

    Attributes:
        x: The points x_t', (M, 1).
        weights: Their weights, (M,).
        loss: E over x1 and x2 of the per-sample loss, (M,).
        pairs: The per-sample losses before that, (M, n, n), and ...
        pair_weights: ... their weights, (n, n).
    """

    x: Tensor
    weights: Tensor
    loss: Tensor
    pairs: Tensor
    pair_weights: Tensor


def two_samples(
    denoiser: Denoiser,
    law: GaussianMixture,
    times: Times,
    kernel: Kernel = ancestral,
    gradient: Gradient = "through",
    nodes: int = 40,
) -> TwoSamples:
    """Evaluate P1's recipe for `Consistency` of `denoiser` on data of `law` observed at t_n."""
    process = VE()
    z = normal_nodes(nodes)
    axes = mixture_nodes(law, process.level(times.nature), 3), normal_nodes(3), normal_nodes(3), z, z
    (x_n, *noises), weights = grid(*axes)
    anchor = FromAbove(_Two(At(process.level(times.t)), At(process.level(times.middle))), kernel)
    near = WithinEpsilon(times.middle - times.end, process)
    objective = Consistency(anchor, near, kernel, steps=1, gradient=gradient, fixed_anchor=False)
    batch = Batch(x_n, process.level(times.nature), torch.arange(len(x_n)))
    recorded = Recorded(denoiser, [])
    loss = objective(recorded, batch, NodeDraws(noises, [0.5, 0.5, 1.0])).per_sample
    pair_weights = z[1][:, None] * z[1]
    pairs = loss.reshape(-1, nodes, nodes)
    x = recorded.calls[1][0].reshape(-1, nodes * nodes)[:, :1]
    return TwoSamples(
        x, weights.reshape(-1, nodes * nodes).sum(1), (pairs * pair_weights).sum((1, 2)), pairs, pair_weights
    )


def violation(denoiser: Denoiser, x: Tensor, times: Times, frozen: bool = False, nodes: int = 40) -> Tensor:
    """(E h(x_t'', t'') - h(x_t', t'))^2 at points x (M, 1), by hand: (M,).

    Args:
        denoiser: h.
        x: The points x_t'.
        times: t' and t''.
        frozen: Whether the step is held fixed for automatic differentiation.
        nodes: Nodes for Z.
    """
    h = denoiser(x, VE().level(times.middle))
    driving = h.detach() if frozen else h
    q = (times.end / times.middle) ** 2
    std = (q * (times.middle**2 - times.end**2)) ** 0.5
    z, w = normal_nodes(nodes)
    landed = q * x + (1 - q) * driving + std * z
    mean = denoiser(landed.reshape(-1, 1), VE().level(times.end)).reshape(landed.shape) @ w
    return (mean - h[:, 0]) ** 2


def exact_kernel(law: GaussianMixture) -> Kernel:
    """The exact p(x_s | x_t) of `law` as a kernel of `ambient`, one dimension, whatever the denoiser says."""

    def kernel(x_0: Tensor, x_t: Tensor, level: Level, target: Level) -> Step:
        exact = law.reverse_kernel(x_t.detach(), level, target)
        return _Quantile(exact.mean(), exact.covariance()[:, 0, 0].sqrt(), exact)

    return kernel


@dataclass(frozen=True, eq=False)
class _Quantile(Step):
    """A step that is no Gaussian: standard normal noise goes through the quantile function of the mixture."""

    exact: ReverseKernel

    def sample(self, noise: Tensor) -> Tensor:
        means, std = self.exact.means[:, :, 0], self.exact.variances[:, :, 0].sqrt()
        return _bisect(
            lambda x: (self.exact.weights * torch.special.ndtr((x - means) / std)).sum(1, keepdim=True),
            torch.special.ndtr(noise),
            (means - 40 * std).amin(1, keepdim=True),
            (means + 40 * std).amax(1, keepdim=True),
        )


def _bisect(increasing: Callable[[Tensor], Tensor], value: Tensor, low: Tensor, high: Tensor) -> Tensor:
    for _ in range(70):
        middle = (low + high) / 2
        below = increasing(middle) < value
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2
