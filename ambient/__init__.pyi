from . import karras, kernels, tweedie
from .data import Batch, Samples
from .denoisers import Denoiser, EDMDenoiser, UNetDenoiser
from .objectives import (
    AmbientScoreMatching,
    Consistency,
    DenoisingScoreMatching,
    Hybrid,
    Objective,
    recommended,
)
from .process import VE, VP, Discrete, Flow, Level
from .randomness import Draws
from .sampling import generate, restore
from .schedules import Schedule
from .training import TrainingConfig, train

__all__ = [
    "VE",
    "VP",
    "AmbientScoreMatching",
    "Batch",
    "Consistency",
    "Denoiser",
    "DenoisingScoreMatching",
    "Discrete",
    "Draws",
    "EDMDenoiser",
    "Flow",
    "Hybrid",
    "Level",
    "Objective",
    "Samples",
    "Schedule",
    "TrainingConfig",
    "UNetDenoiser",
    "generate",
    "karras",
    "kernels",
    "recommended",
    "restore",
    "train",
    "tweedie",
]
