r"""Stein's unbiased risk estimate at the level of the data (Stein 1981; P1 section 2.1).

For X_n = alpha_n X_0 + sigma_n Z, and per coordinate,

    E|h(X_n) - X_0|^2 = E[ |h - X_n / alpha_n|^2 + 2 (sigma_n^2 / alpha_n) div h ] - d sigma_n^2 / alpha_n^2.

(P1 prints the divergence squared.) The divergence is estimated by Hutchinson's z . J z with a random z of independent
coordinates of mean 0 and variance 1, here signs (Rademacher), whose variance is 2 |J|_F^2 without the diagonal; J z is
a Jacobian-vector product. A finite difference in its place is biased (Ramani et al. 2008). The minimiser is E[X_0 |
X_n]: the estimate trains the one level that ambient score matching leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.jacobian import jvp
from ambient.objectives.base import Loss, Objective
from ambient.objectives.weights import EDMWeight, Weight
from ambient.process import per_sample
from ambient.randomness import Draws


@dataclass(frozen=True)
class SURE(Objective):
    """w (|h - x_n / alpha_n|^2 + 2 (sigma_n^2 / alpha_n) z . J z) / d - w sigma_n^2 / alpha_n^2 at level n.

    Attributes:
        weight: w(n, 0).
    """

    weight: Weight = EDMWeight()

    def __call__(self, denoiser: Denoiser, batch: Batch, draws: Draws) -> Loss:
        """An unbiased estimate of w E|h - X_0|^2 / d, (B,); single values may be negative."""
        nature = batch.nature.on(batch.x)
        sign = rademacher(batch.x, draws)
        h, slope = jvp(denoiser, batch.x, nature, sign, batch.condition)
        risk = (h - batch.x / per_sample(nature.alpha, h)).square() + 2 * per_sample(
            nature.sigma**2 / nature.alpha, h
        ) * sign * slope
        estimate = risk.flatten(1).mean(1) - nature.ratio.to(h) ** 2
        loss = self.weight(nature, nature).to(h) * estimate
        return Loss(loss, {"sure": loss.detach()}, nature)


def rademacher(like: Tensor, draws: Draws) -> Tensor:
    """Independent random signs of the shape of `like`."""
    return draws.normal(like).sign()
