r"""The optimal denoiser of a finite set, clean or noisy (P2 section 2.2 and Lemma 4.1).

Let X_n be uniform on N points x_1 .. x_N observed at level n: clean images, n = (1, 0), or the fixed noisy copy S_tn.
With X_t = rho X_n + sqrt(v) Z,

    E[X_n | X_t = x] = sum_i w_i x_i,    w_i = softmax_i( -|x - rho x_i|^2 / (2 v) ),

and E[X_0 | X_t] follows by the inverse double-Tweedie map (`tweedie.clean_mean`). The score is that of the mixture of
N(rho x_i, v I), which is (rho E[X_n|x] - x) / v: a network that minimises denoising (n clean) or ambient (n = t_n)
score matching on the set has it, and its reverse process returns to the set.

The sums run over the set in chunks with an online softmax, two matrix products a chunk, so that memory does not grow
with N. Dropping what does not depend on i, and with everything measured from the centre c of the set,

    -|x - rho x_i|^2 / (2 v) = e_i / v + const,    e_i = rho <x - rho c, x_i - c> - rho^2 |x_i - c|^2 / 2.

How far a set is memorised at a level can be read off the weights without any training: as long as the largest one is
1, the optimal denoiser returns one training image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import scipy.optimize
import torch
from torch import Tensor

from ambient import tweedie
from ambient.process import VE, Level, Transition, as_level, per_sample
from ambient.randomness import generator


@dataclass(frozen=True, eq=False)
class Posterior:
    """The posterior of X_n given X_t, summed up.

    Attributes:
        mean: E[X_n | X_t], (B, *).
        largest: The largest weight, (B,), in [1/N, 1].
        neighbours: Effective number of points, 1 / sum_i w_i^2 (inverse participation), (B,), in [1, N].
        log_density: log p_t(x_t), (B,); meaningless where v = 0.
    """

    mean: Tensor
    largest: Tensor
    neighbours: Tensor
    log_density: Tensor


@dataclass(frozen=True, eq=False)
class EmpiricalDenoiser:
    """The optimal denoiser of a finite set: a `Denoiser`.

    Everything is computed on the device of the queries and in their dtype (float32 for narrower ones), without TF32 and
    outside autocast; the set may lie elsewhere, and is brought over chunk by chunk. Differentiable in x_t, at the price
    of keeping the chunks.

    In float32 a logit has an error of about 1e-7 |x| |x_i| / v. It matters only between points that are equally near
    to within that error; verify in float64.

    Attributes:
        data: The points, (N, *).
        nature: The level at which they were observed, one for all; clean by default.
        rows: Points at a time.
        queries: Samples at a time.

    Raises:
        ValueError: If there are no points, or the nature level is not one for all.
    """

    data: Tensor
    nature: Level = field(default_factory=Level.clean)
    rows: int = 4096
    queries: int = 1024
    _centre: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.data) == 0:
            raise ValueError("the empirical denoiser needs at least one point, the set is empty")
        if self.nature.sigma.ndim > 0:
            raise ValueError("the points of an empirical denoiser were all observed at one level")
        if self.rows < 1 or self.queries < 1:
            raise ValueError(f"chunks need at least one row, got rows {self.rows} and queries {self.queries}")
        total = sum(chunk.double().sum(0) for chunk in torch.split(self.data.flatten(1), self.rows))
        object.__setattr__(self, "_centre", total / len(self.data))

    def __call__(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """E[X_0 | X_t] for x_t (B, *) at levels () or (B,) noisier than the points, sigma_t > 0.

        Raises:
            ValueError: Unless SNR_t < SNR_n for every sample.
        """
        level = as_level(level).on(x_t)
        return tweedie.clean_mean(self.posterior(x_t, level).mean, x_t, self.nature.on(x_t), level)

    def nature_mean(self, x_t: Tensor, level: Level | Tensor) -> Tensor:
        """E[X_n | X_t], (B, *), finite down to t_n, where it is the nearest point (the mean of the nearest ones).

        Raises:
            ValueError: If a level is cleaner than the points.
        """
        return self.posterior(x_t, level).mean

    def score(self, x_t: Tensor, level: Level | Tensor) -> Tensor:
        """The score of p_t, (rho E[X_n|x_t] - x_t) / v, (B, *); needs SNR_t < SNR_n."""
        step = self._step(x_t, level)
        return tweedie.from_x_0(self.nature_mean(x_t, level), x_t, Level(step.scale, step.std), "score")

    def posterior(self, x_t: Tensor, level: Level | Tensor) -> Posterior:
        """Mean, largest weight, number of neighbours and log-density at x_t (B, *), levels () or (B,).

        Raises:
            ValueError: If the samples and the points differ in shape, or a level is cleaner than the points.
        """
        if x_t.shape[1:] != self.data.shape[1:]:
            raise ValueError(
                f"samples of shape {tuple(x_t.shape[1:])} cannot be compared with points of shape "
                f"{tuple(self.data.shape[1:])}"
            )
        step = self._step(x_t, level)
        starts = range(0, len(x_t), self.queries)
        with _full_precision(x_t.device.type):
            parts = [self._chunk(x_t[i : i + self.queries], step, slice(i, i + self.queries)) for i in starts]
        mean, largest, neighbours, log_density = (torch.cat(values) for values in zip(*parts, strict=True))
        return Posterior(mean, largest, neighbours, log_density)

    def _step(self, x_t: Tensor, level: Level | Tensor) -> Transition:
        return self.nature.on(x_t).transition_to(as_level(level).on(x_t))

    def _chunk(self, x_t: Tensor, step: Transition, samples: slice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = x_t.flatten(1).to(torch.promote_types(x_t.dtype, torch.float32))
        rho, v = (per_sample(value[samples], x) for value in (step.scale, step.variance))
        temperature = v.clamp(min=torch.finfo(x.dtype).tiny)
        centre = self._centre.to(x)
        x = x - rho * centre
        top = torch.full_like(rho, -math.inf)
        first, second, mean = torch.zeros_like(rho), torch.zeros_like(rho), torch.zeros_like(x)
        for chunk in torch.split(self.data.flatten(1), self.rows):
            points = chunk.to(x) - centre
            energy = rho * (x @ points.T) - rho**2 * torch.linalg.vector_norm(points, dim=1) ** 2 / 2
            above = torch.maximum(top, energy.amax(1, keepdim=True))
            shrink = ((top - above) / temperature).exp()
            weight = ((energy - above) / temperature).exp()
            first = shrink * first + weight.sum(1, keepdim=True)
            second = shrink**2 * second + weight.square().sum(1, keepdim=True)
            mean = shrink * mean + weight @ points
            top = above
        log_sum = (top - x.square().sum(1, keepdim=True) / 2) / v + first.log()
        log_density = log_sum - math.log(len(self.data)) - x.shape[1] / 2 * (2 * math.pi * v).log()
        mean = (mean / first + centre).reshape(x_t.shape).to(x_t.dtype)
        return mean, 1 / first[:, 0], (first**2 / second)[:, 0], log_density[:, 0]


@dataclass(frozen=True, eq=False)
class HybridOptimum:
    """The full optimum of P2's Algorithm 1: denoising score matching on S up to t_n, ambient on S_tn above it.

    Attributes:
        clean: The optimal denoiser of S.
        noisy: The optimal denoiser of the fixed noisy copy S_tn.
    """

    clean: EmpiricalDenoiser
    noisy: EmpiricalDenoiser

    def __call__(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """E[X_0 | X_t], (B, *), each sample by the side of t_n on which its level lies; t_n itself is clean."""
        level = as_level(level).on(x_t)
        above = level.ratio > self.noisy.nature.ratio.to(x_t.device)
        h = torch.empty_like(x_t)
        for denoiser, side in ((self.clean, ~above), (self.noisy, above)):
            if bool(side.any()):
                h[side] = denoiser(x_t[side], level[side])
        return h


@dataclass(frozen=True)
class Neighbours:
    """How many training points share the posterior at a level, averaged over X_t of the set itself.

    Attributes:
        sigma: Noise-to-signal ratio sigma_t / alpha_t.
        largest: Mean of the largest weight, in [1/N, 1].
        neighbours: Mean of the effective number of points, in [1, N].
    """

    sigma: float
    largest: float
    neighbours: float


def neighbours(
    data: Tensor, sigmas: Sequence[float], *, queries: int = 1000, seed: int = 0, device: torch.device | str = "cpu"
) -> list[Neighbours]:
    """The posterior weights of a data set level by level; no training is involved.

    At each level X_t = x_i + sigma Z is drawn for `queries` points x_i of the set, as many times round as it takes,
    with the same noise at every level.

    Args:
        data: Clean points, (N, *); what counts as one image (an augmented set is a larger set).
        sigmas: Noise-to-signal ratios sigma_t / alpha_t, > 0.
        queries: Samples of X_t a level; the standard error of the largest weight is below 0.5 / sqrt(queries).
        seed: Seed of the samples.
        device: Where to compute.
    """
    denoiser = EmpiricalDenoiser(data)
    source = generator("sampling", seed)
    chosen = torch.randperm(len(data), generator=source)
    chosen = chosen.repeat(math.ceil(queries / len(data)))[:queries]
    x_0 = data[chosen.to(data.device)].to(device)
    x_0 = x_0 if x_0.is_floating_point() else x_0.float()
    noise = torch.randn(x_0.shape, dtype=x_0.dtype, generator=source).to(device)
    found = []
    for sigma in sigmas:
        level = VE().level(sigma)
        posterior = denoiser.posterior(level.perturb(x_0, noise), level)
        found.append(Neighbours(sigma, float(posterior.largest.mean()), float(posterior.neighbours.mean())))
    return found


def collapse_level(
    data: Tensor,
    threshold: float = 0.95,
    *,
    queries: int = 1000,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> float:
    """The level sigma / alpha at which a data set's memorisation collapses.

    Below it, the mean over X_t of the largest posterior weight is above `threshold`: the optimal denoiser returns one
    training image, and a network that fits it has memorised. Above it, several images share the posterior. It is
    computed without training, and marks where to look for the nature level sigma_n of Algorithm 1: much lower leaves
    memorised levels above t_n, much higher leaves them below it.

    Args:
        data: Clean points, (N, *), N >= 2, without duplicates.
        threshold: The largest weight that counts as having left 1, in (1/N, 1).
        queries, seed, device: As in `neighbours`.

    Returns:
        sigma_t / alpha_t; `process.time(VE().level(sigma))` is its time in any process.

    Raises:
        ValueError: If the threshold is out of range, or the largest weight does not cross it (duplicates).
    """
    if not 1 / len(data) < threshold < 1:
        raise ValueError(f"the threshold must lie between 1/N = {1 / len(data):.3g} and 1, got {threshold}")

    def excess(log_sigma: float) -> float:
        found = neighbours(data, [math.exp(log_sigma)], queries=queries, seed=seed, device=device)
        return found[0].largest - threshold

    scale = max(math.sqrt(float(data.double().var(0).mean())), 1e-30)
    low = high = math.log(scale)
    while excess(high) > 0:
        high += 1.0
    while excess(low) <= 0:
        low -= 1.0
        if low < math.log(scale) - 16:
            raise ValueError(
                f"the largest weight stays below {threshold} down to sigma {math.exp(low):.1e}: "
                "the data hold duplicates; remove them first"
            )
    return math.exp(scipy.optimize.brentq(excess, low, high, xtol=1e-4))


@contextmanager
def _full_precision(device: str) -> Iterator[None]:
    """Matrix products in the full precision of their dtype: TF32 costs the logits 1.4e-3."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
