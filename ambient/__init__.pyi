from . import attacks, audit, karras, kernels, metrics, models, noise, posterior, tweedie
from .data import Batch, Samples
from .denoisers import Denoiser, EDMDenoiser, UNetDenoiser
from .models import DenoiserUNet, Model, Recipe, fit, load
from .objectives import (
    AmbientScoreMatching,
    Consistency,
    DenoisingScoreMatching,
    Hybrid,
    Objective,
    recommended,
)
from .process import VE, VP, Flow, Level
from .randomness import Draws
from .sampling import generate, restore
from .schedules import Discrete, Schedule
from .training import TrainingConfig, train

__all__ = [
    "VE",
    "VP",
    "AmbientScoreMatching",
    "Batch",
    "Consistency",
    "Denoiser",
    "DenoiserUNet",
    "DenoisingScoreMatching",
    "Discrete",
    "Draws",
    "EDMDenoiser",
    "Flow",
    "Hybrid",
    "Level",
    "Model",
    "Objective",
    "Recipe",
    "Samples",
    "Schedule",
    "TrainingConfig",
    "UNetDenoiser",
    "attacks",
    "audit",
    "fit",
    "generate",
    "karras",
    "kernels",
    "load",
    "metrics",
    "models",
    "noise",
    "posterior",
    "recommended",
    "restore",
    "train",
    "tweedie",
]
