"""The options of a training run, its learning rates and its optimizer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from ambient.runs.identity import describe

NO_NUMBER = {"identity": False}
"""Marks the options that change no number but by rounding: with others, a run is the same run."""


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        steps: Number of updates, >= 1.
        batch: Images an update, over all processes.
        learning_rate: Peak learning rate of Adam.
        warmup: Updates of linear warm-up.
        schedule: "cosine" decays to 0 at the last update, "constant" does not.
        clip: Largest norm of the gradient, or None.
        ema: Largest decay of the moving average of the weights, in [0, 1); 0 keeps none.
        seed: Seed of the order and of all noise in training.
        log_every: Updates between records of the log.
        checkpoint_every: Updates between checkpoints.
        betas: Decay of Adam's two moments.
        weight_decay: Decoupled, as in AdamW; >= 0.
        accumulation: Parts of an update, computed one after another to save memory.
        compile: Whether torch.compile compiles the denoiser.
    """

    steps: int = 2000
    batch: int = 64
    learning_rate: float = 2e-3
    warmup: int = 200
    schedule: Literal["cosine", "constant"] = "cosine"
    clip: float | None = None
    ema: float = 0.999
    seed: int = 0
    log_every: int = field(default=50, metadata=NO_NUMBER)
    checkpoint_every: int = field(default=200, metadata=NO_NUMBER)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    accumulation: int = field(default=1, metadata=NO_NUMBER)
    compile: bool = field(default=False, metadata=NO_NUMBER)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every", "checkpoint_every", "accumulation"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must not be negative, got {self.weight_decay}")
        for beta in (self.ema, *self.betas):
            if not 0 <= beta < 1:
                name = "ema" if beta is self.ema else "betas"
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")

    def identity(self) -> dict[str, Any]:
        """What of these options decides the weights after each update.

        The number of steps does only where the schedule ends with them: at a constant rate a run can be given more.
        """
        facts: dict[str, Any] = describe(self)
        if self.schedule == "constant":
            del facts["steps"]
        return facts

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of update `step`, counted from 0."""
        warm = min(1.0, (step + 1) / (self.warmup + 1))
        if self.schedule == "constant":
            return self.learning_rate * warm
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / self.steps))


def make_optimizer(weights: list[nn.Parameter], config: TrainingConfig) -> torch.optim.Optimizer:
    """Adam with the options of a run, or AdamW where its weights decay."""
    if config.weight_decay:
        return torch.optim.AdamW(
            weights, lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay, fused=True
        )
    return torch.optim.Adam(weights, lr=config.learning_rate, betas=config.betas, fused=True)
