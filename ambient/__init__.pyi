from . import karras, kernels, tweedie
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
    "fit",
    "generate",
    "karras",
    "kernels",
    "load",
    "recommended",
    "restore",
    "train",
    "tweedie",
]
