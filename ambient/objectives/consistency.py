r"""Consistency below the nature level (P1 eqs. 3.5 and 3.6, Theorem A.6), in pieces.

The denoiser should be a martingale along its own reverse process: for t'' < t',

    h(x_t', t') = E[h(X_t'', t'') | X_t' = x_t'],    X_t'' ~ p_h(. | x_t').

The squared violation is estimated without bias by two independent samples x1, x2 of X_t'' (Daras et al. 2023):

    (h(x1, t'') - h(x_t', t')) . (h(x2, t'') - h(x_t', t')).

Both samples start from x_t', and every h is taken at the level of its own sample; P1 prints other times in the second
factor. What is left to choose: the anchor x_t', the level t'', how X_t'' is reached, and the gradient's path.

    choice     P1 eq. 3.6, A.6                           P1's SDXL code, and here by default
    anchor     x_t by the data, t ~ U(t_n, T],           x_n itself, t' = t_n
               x_t' from x_t by the model, t' ~ U(0, t)
    end        t'' ~ U[max(0, t' - epsilon), t')         sigma'' ~ sigma_n U(0, 1)
    steps      1                                         1 (code), 6 (here)
    gradient   through the samples                       through (code), one-sided (here)

Gradients. Only "through" differentiates the kernel as well and is the unbiased gradient of the expected violation.
"frozen" holds the samples fixed: another vector, which vanishes at exact consistency too. "one-sided" has the same
expectation as "frozen" and needs one sample less in the backward pass: the product (h1 - h')(h2 - h') is symmetric in
the two samples, so its gradient has the expectation of

    2 sg(h(x1, t'') - h(x_t', t')) . grad (h(x2, t'') - h(x_t', t')).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from ambient import kernels
from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.kernels import Kernel
from ambient.levels import LevelDistribution, UniformTime
from ambient.objectives.base import Loss, Objective
from ambient.objectives.weights import PlainWeight, Weight
from ambient.posterior.rollout import descend, geometric_levels
from ambient.process import VE, Level, Process
from ambient.randomness import Draws

Anchor = Callable[[Denoiser, Batch, Draws], tuple[Tensor, Level]]
"""(denoiser, batch, draws) -> x_t' (B, *) without gradient, and its level t' (B,)."""

End = Callable[[Level, Tensor], Level]
"""(t', uniform numbers (B,)) -> t'' (B,), cleaner than t'."""

Gradient = Literal["through", "frozen", "one-sided"]


@dataclass(frozen=True)
class Observed:
    """x_t' = x_n: the observed sample itself (P1's SDXL code)."""

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> tuple[Tensor, Level]:
        return batch.x, batch.nature.on(batch.x)


@dataclass(frozen=True)
class OneReverseStep:
    """x_t' below t_n by one reverse step from x_n, at a noise-to-signal ratio uniform in (0, that of x_n).

    Attributes:
        kernel: The reverse step.
    """

    kernel: Kernel = kernels.ancestral

    @torch.no_grad()
    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> tuple[Tensor, Level]:
        nature = batch.nature.on(batch.x)
        target = scaled(nature, draws.uniform(batch.x))
        h = denoiser(batch.x, nature, **batch.condition)
        return self.kernel(h, batch.x, nature, target).sample(draws.normal(batch.x)), target


@dataclass(frozen=True)
class FromAbove:
    """P1 eq. 3.6: x_t from the data at t ~ levels above t_n, then x_t' from x_t by the model, t' ~ levels below t.

    Attributes:
        levels: Distribution of t, cut below t_n, and of t', cut above t.
        kernel: The reverse step from t to t'.
    """

    levels: LevelDistribution = field(default_factory=UniformTime)
    kernel: Kernel = kernels.ancestral

    @torch.no_grad()
    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> tuple[Tensor, Level]:
        level = self.levels.draw(draws.uniform(batch.x), above=batch.nature)
        middle = self.levels.draw(draws.uniform(batch.x), below=level)
        x_t = batch.nature.transition_to(level).perturb(batch.x, draws.normal(batch.x))
        h = denoiser(x_t, level, **batch.condition)
        return self.kernel(h, x_t, level, middle).sample(draws.normal(x_t)), middle


@dataclass(frozen=True)
class WithinEpsilon:
    """t'' ~ U[max(0, t' - epsilon), t') (P1 A.6, where t'' could be negative).

    Attributes:
        epsilon: Largest t' - t'', in the time of the process, > 0.
        process: Whose time it is.
    """

    epsilon: float = 0.1
    process: Process = field(default_factory=VE)

    def __call__(self, start: Level, u: Tensor) -> Level:
        t = self.process.time(start)
        return self.process.level(t - u * t.clamp(max=self.epsilon))


@dataclass(frozen=True)
class UniformBelow:
    """sigma'' / alpha'' uniform between 0 and its value at t' (P1's SDXL code, in time there)."""

    def __call__(self, start: Level, u: Tensor) -> Level:
        return scaled(start, u)


@dataclass(frozen=True)
class Consistency(Objective):
    """The two-sample consistency loss, per coordinate.

    Attributes:
        anchor: x_t' and t': `Observed`, `OneReverseStep` or `FromAbove`.
        end: t'' given t': `WithinEpsilon` or `UniformBelow`.
        kernel: One reverse step of p_h.
        steps: Reverse steps from t' to t'', geometric in the noise-to-signal ratio, >= 1.
        order: 1 or 2, as in `rollout.descend`.
        gradient: "through", "frozen" or "one-sided"; see the module.
        fixed_anchor: Whether h(x_t', t') receives no gradient, so that the anchor, which the data teach, does not give
            way to the levels below it.
        weight: w(t', 0), for instance 1 / c_out^2 at the anchor.
    """

    anchor: Anchor = field(default_factory=Observed)
    end: End = field(default_factory=UniformBelow)
    kernel: Kernel = kernels.ancestral
    steps: int = 6
    order: Literal[1, 2] = 1
    gradient: Gradient = "one-sided"
    fixed_anchor: bool = True
    weight: Weight = PlainWeight()

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample, (B,); single values may be negative, their mean is not."""
        x, start = self.anchor(denoiser, batch, draws)
        end = self.end(start, draws.uniform(x))
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.fixed_anchor):
            h = denoiser(x, start, **batch.condition)
        grid = geometric_levels(start, end, self.steps)

        def reach() -> Tensor:
            first = h if self.gradient == "through" else h.detach()
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.gradient == "through"):
                return descend(denoiser, x, first, grid, self.kernel, draws, self.order, batch.condition)

        with torch.set_grad_enabled(torch.is_grad_enabled() and self.gradient != "one-sided"):
            first = denoiser(reach(), end, **batch.condition) - h
        second = denoiser(reach(), end, **batch.condition) - h
        product = _one_sided(first, second) if self.gradient == "one-sided" else first * second
        loss = self.weight(start, Level.clean()).to(x) * product.flatten(1).mean(1)
        return Loss(loss, {"consistency": loss.detach()}, start)

    def learns_from_itself(self) -> bool:
        """Always: that is what consistency is."""
        return True


def paper_consistency(
    process: Process,
    t_max: float,
    *,
    epsilon: float = 0.1,
    kernel: Kernel = kernels.ancestral,
    weight: Weight = PlainWeight(),  # noqa: B008  (immutable)
) -> Consistency:
    """P1's own recipe, eq. 3.6 with the times of Theorem A.6 and the gradient through everything.

    Args:
        process: Whose time t is uniform.
        t_max: T.
        epsilon: Largest t' - t''.
        kernel: The reverse step.
        weight: w(t', 0); 1 as printed, for an ambient term of weight 1.
    """
    anchor = FromAbove(UniformTime(process, t_max), kernel)
    near = WithinEpsilon(epsilon, process)
    return Consistency(anchor, near, kernel, steps=1, gradient="through", fixed_anchor=False, weight=weight)


def scaled(level: Level, factor: Tensor) -> Level:
    """The level of the same alpha whose noise-to-signal ratio is `factor` times as large."""
    return Level(level.alpha, level.sigma * factor)


def _one_sided(first: Tensor, second: Tensor) -> Tensor:
    """A tensor of the value first * second and of the gradient 2 first grad(second), for a `first` without gradient."""
    return first * second.detach() + 2 * first * (second - second.detach())
