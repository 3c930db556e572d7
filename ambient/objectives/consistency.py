r"""Consistency below the nature level (P1 eqs. 3.5 and 3.6, Theorem A.6).

The denoiser should be a martingale along its own reverse process: for t'' < t',

    h(x_t', t') = E[h(X_t'', t'') | X_t' = x_t'],    X_t'' ~ p_h(. | x_t').

The squared violation is estimated without bias by two independent samples x1, x2 of X_t'' (Daras et al. 2023):

    (h(x1, t'') - h(x_t', t')) . (h(x2, t'') - h(x_t', t')).

Both samples start from x_t', and every h is taken at the level of its own sample; P1 prints other times in the second
factor. Times of A.6: t ~ U(t_n, T], t' ~ U(0, t), t'' ~ U[max(0, t' - epsilon), t'), where x_t' is itself reached from
x_t by the model, since above t_n there are no samples of the data at t'.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ambient import kernels
from ambient.denoisers import Denoiser
from ambient.kernels import Kernel
from ambient.levels import LevelDistribution, UniformTime
from ambient.objectives.base import Batch, Loss, Objective
from ambient.process import VE, Process
from ambient.randomness import Draws


@dataclass(frozen=True)
class Consistency(Objective):
    """The two-sample consistency loss of P1, per coordinate.

    Attributes:
        process: The process whose time is t.
        levels: Distribution of t (cut below t_n) and of t' (cut above t).
        epsilon: Largest t' - t'', in the process's time.
        kernel: One reverse step of p_h.
        through: Whether the gradient flows through the samples x1 and x2, as in P1's code. Only then is it an
            unbiased gradient of the expected violation; with frozen samples it is another vector, that vanishes at
            exact consistency too.
    """

    process: Process = field(default_factory=VE)
    levels: LevelDistribution = field(default_factory=UniformTime)
    epsilon: float = 0.1
    kernel: Kernel = kernels.ancestral
    through: bool = True

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """The loss per sample; single values may be negative, their mean is not."""
        level = self.levels.draw(draws.uniform(batch.x), above=batch.nature)
        middle = self.levels.draw(draws.uniform(batch.x), below=level)
        t = self.process.time(middle)
        end = self.process.level(t - draws.uniform(batch.x) * t.clamp(max=self.epsilon))
        with torch.no_grad():
            x_t = batch.nature.to(level).perturb(batch.x, draws.normal(batch.x))
            x_0_hat = denoiser(x_t, level, **batch.condition)
            x_middle = self.kernel(x_0_hat, x_t, level, middle).sample(draws.normal(x_t))
        h = denoiser(x_middle, middle, **batch.condition)
        step = self.kernel(h if self.through else h.detach(), x_middle, middle, end)
        first, second = (denoiser(step.sample(draws.normal(x_t)), end, **batch.condition) - h for _ in range(2))
        loss = (first * second).flatten(1).mean(1)
        return Loss(loss, {"consistency": loss.detach()}, middle)
