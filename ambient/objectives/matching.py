r"""The one residual behind every denoising objective: A h(x_t, t) + B x_t - x_n, weighted."""

from __future__ import annotations

from ambient import tweedie
from ambient.data.batch import Batch
from ambient.denoisers import Denoiser
from ambient.objectives.base import Loss
from ambient.objectives.weights import Weight
from ambient.process import Level
from ambient.randomness import Draws


def matching_loss(denoiser: Denoiser, batch: Batch, level: Level, weight: Weight, draws: Draws, name: str) -> Loss:
    """The weighted squared residual, averaged over coordinates, at x_t = rho x_n + sqrt(v) Z with fresh Z.

    Args:
        denoiser: h.
        batch: Samples at their nature level; its clean samples are not looked at.
        level: Where the loss is taken, (B,), with SNR_t <= SNR_n.
        weight: w(t, n).
        draws: Source of Z.
        name: Name of the term in the log.

    Raises:
        ValueError: If a level is cleaner than its sample.
    """
    x_t = batch.nature.transition_to(level).perturb(batch.x, draws.normal(batch.x))
    x_0_hat = denoiser(x_t, level, **batch.condition)
    residual = tweedie.nature_mean(x_0_hat, x_t, batch.nature, level) - batch.x
    loss = weight(level, batch.nature).to(residual) * residual.square().flatten(1).mean(1)
    return Loss(loss, {name: loss.detach()}, level)
