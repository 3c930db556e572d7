"""Training objectives: functions (denoiser, batch, draws) -> per-sample loss.

Every denoising objective is one residual with three explicit parts: what the sample is (its nature level), where the
loss is taken (a distribution of levels) and how it is weighted. With A and B of the double-Tweedie map,

    loss = w(t, n) | A h(x_t, t) + B x_t - x_n |^2 / d.

Denoising score matching is n = 0 (A = 1, B = 0), ambient score matching n = t_n, Algorithm 1 of P2 both. An objective
knows neither the network nor the process nor the scale that it serves.
"""

from ambient.objectives.ambient import AmbientScoreMatching
from ambient.objectives.base import Batch, Loss, Objective
from ambient.objectives.consistency import Consistency
from ambient.objectives.dsm import DenoisingScoreMatching
from ambient.objectives.hybrid import Hybrid
from ambient.objectives.weights import EDMWeight, EpsilonWeight, NatureWeight, PlainWeight, Weight

__all__ = [
    "AmbientScoreMatching",
    "Batch",
    "Consistency",
    "DenoisingScoreMatching",
    "EDMWeight",
    "EpsilonWeight",
    "Hybrid",
    "Loss",
    "NatureWeight",
    "Objective",
    "PlainWeight",
    "Weight",
]
