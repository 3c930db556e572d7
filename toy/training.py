"""How the model of a cell is trained by `ambient.training.train`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from ambient.objectives import Objective
from ambient.objectives.wrappers.augmented import Augmented
from ambient.process import VE, Level
from ambient.runs.files import save_tensors
from ambient.training import Callback, TrainingConfig
from ambient.training.checkpoints import trained_state
from toy.model import SIGMA_DATA
from toy.names import MethodName
from toy.objectives import objective_of
from toy.options import TrainingOptions


def training_config(training: TrainingOptions, seed: int, compiled: bool) -> TrainingConfig:
    """Steps, batch and learning rates, with a short warm-up.

    Args:
        training: The options of the experiment.
        seed: Of the order and of all noise.
        compiled: Whether the network is compiled.
    """
    return TrainingConfig(
        steps=training.steps,
        batch=training.batch,
        learning_rate=training.peak_learning_rate,
        weight_decay=training.weight_decay,
        accumulation=training.accumulation,
        compile=compiled,
        warmup=min(200, training.steps // 10),
        seed=seed,
    )


def objective_at(method: MethodName, sigma: float | None, augment: float) -> Objective:
    """What a method minimises at the nature level `sigma` (None: clean images), with augmentation of that chance."""
    nature = Level.clean() if sigma is None else VE().level(sigma)
    objective = objective_of(method, nature, SIGMA_DATA)
    return Augmented(objective, augment) if augment else objective


def keep_snapshots(snapshots: Mapping[int, Path]) -> Callback:
    """Keeps the averaged weights as they are after each number of steps, in the file named for it."""

    def look(denoiser: nn.Module, step: int) -> None:
        if step in snapshots:
            save_tensors(snapshots[step], trained_state(denoiser))

    return Callback(math.gcd(*snapshots), look)
