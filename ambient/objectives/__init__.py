"""Training objectives: functions (denoiser, batch, draws) -> per-sample loss.

Every denoising objective is one residual with three explicit parts: what the sample is (its nature level), where the
loss is taken (a distribution of levels) and how it is weighted. With A and B of the double-Tweedie map,

    loss = w(t, n) | A h(x_t, t) + B x_t - x_n |^2 / d.

Denoising score matching is n = 0 (A = 1, B = 0), ambient score matching n = t_n, Algorithm 1 of P2 both. An objective
knows neither the network nor the process nor the scale that it serves.
"""

from ambient.objectives.ambient import AmbientScoreMatching, noisier2noise
from ambient.objectives.antithetic import AntitheticAmbient, AntitheticWeight
from ambient.objectives.base import Loss, Objective, Sum, Wrapper
from ambient.objectives.consistency import (
    Consistency,
    FromAbove,
    Observed,
    OneReverseStep,
    UniformBelow,
    WithinEpsilon,
    paper_consistency,
)
from ambient.objectives.dsm import DenoisingScoreMatching
from ambient.objectives.expectation_maximisation import OnlineEM
from ambient.objectives.hybrid import Hybrid
from ambient.objectives.recommended import recommended, sigma_data_of
from ambient.objectives.second_order import SecondOrderTweedie
from ambient.objectives.sure import SURE
from ambient.objectives.weights import EDMWeight, EpsilonWeight, NatureWeight, PlainWeight, Weight
from ambient.objectives.wrappers import Augmented, Occasional, Redrawn, Seeded, Subsampled

__all__ = [
    "SURE",
    "AmbientScoreMatching",
    "AntitheticAmbient",
    "AntitheticWeight",
    "Augmented",
    "Consistency",
    "DenoisingScoreMatching",
    "EDMWeight",
    "EpsilonWeight",
    "FromAbove",
    "Hybrid",
    "Loss",
    "NatureWeight",
    "Objective",
    "Observed",
    "Occasional",
    "OneReverseStep",
    "OnlineEM",
    "PlainWeight",
    "Redrawn",
    "SecondOrderTweedie",
    "Seeded",
    "Subsampled",
    "Sum",
    "UniformBelow",
    "Weight",
    "WithinEpsilon",
    "Wrapper",
    "noisier2noise",
    "paper_consistency",
    "recommended",
    "sigma_data_of",
]
