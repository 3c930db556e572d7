r"""The updates of a model's weights.

Everything random in update k is a function of (seed, k), and the order of the data of (seed, epoch). An update may be
computed in parts, one after another on each process; all parts of all processes together draw the numbers that one
process would draw at once. Only parameters that require a gradient are trained and averaged, by

    theta_ema <- beta theta_ema + (1 - beta) theta,    beta = min(ema, (1 + k) / (10 + k)).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from ambient.data.order import Order
from ambient.data.samples import Data
from ambient.objectives import Loss, Objective
from ambient.randomness import Draws
from ambient.training.checkpoints import trainable
from ambient.training.options import TrainingConfig, make_optimizer


class NonFiniteLossError(FloatingPointError):
    """The loss or its gradient stopped being a number; the last checkpoint is intact."""


class Updates:
    """Adam's updates of a denoiser, and the moving average of its weights.

    Args:
        denoiser: What is trained; its frozen parameters stay as they are.
        objective: What is minimised.
        samples: What it is trained on.
        config: How.
        accelerator: Of the run, inside `accelerators.accumulating`.

    Attributes:
        model: The denoiser as the accelerator prepared it.
        optimizer: Adam over its trainable parameters, in their order.
        average: The moving average of these, or None.
    """

    def __init__(
        self,
        denoiser: nn.Module,
        objective: Objective,
        samples: Data,
        config: TrainingConfig,
        accelerator: Accelerator,
    ) -> None:
        self.denoiser, self.objective, self.samples = denoiser.train(), objective, samples
        self.config, self.accelerator = config, accelerator
        self.order = Order(len(samples), config.seed)
        denoiser.to(accelerator.device)
        if config.compile:
            denoiser.compile()
        weights = list(trainable(denoiser).values())
        self.model, self.optimizer = accelerator.prepare(denoiser, make_optimizer(weights, config))
        self.average = EMAModel(weights, decay=config.ema, foreach=True) if config.ema else None

    def __call__(self, step: int) -> tuple[list[Loss], Tensor]:
        """Update `step`, counted from 0; returns the losses of its parts and the norm of its gradient, ().

        Raises:
            NonFiniteLossError: If the loss or its gradient is not finite, naming step, levels and samples; the weights
                are as they were.
        """
        config, losses, indices = self.config, [], []
        for part in range(config.accumulation):
            with self.accelerator.accumulate(self.model):
                loss, index = self._backward(step, part)
            losses.append(loss)
            indices += index
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), config.clip or math.inf)
        norm = norm if isinstance(norm, Tensor) else torch.tensor(float(norm or 0.0))
        if not bool(norm.isfinite()):
            levels = [ratio for loss in losses for ratio in loss.level.ratio.tolist()]
            raise _not_finite("the gradient", step, levels, indices)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate_at(step)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.step(trainable(self.denoiser).values())
        return losses, norm

    def _backward(self, step: int, part: int) -> tuple[Loss, list[int]]:
        """Add the gradient of one part of an update; returns its loss and the samples' indices."""
        config, accelerator = self.config, self.accelerator
        pieces = accelerator.num_processes * config.accumulation
        piece, share = accelerator.process_index * config.accumulation + part, config.batch // pieces
        first = step * config.batch + piece * share
        batch = self.samples.batch(self.order(first, first + share), accelerator.device)
        loss = self.objective(self.model, batch, Draws.of_step(config.seed, step, piece, pieces))
        finite = loss.per_sample.isfinite()
        if not bool(finite.all()):
            levels = loss.level.ratio.expand(len(finite))[~finite].tolist()
            raise _not_finite("the loss", step, levels, batch.index[~finite.cpu()].tolist())
        accelerator.backward(loss.per_sample.mean())
        return loss, batch.index.tolist()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The averaged weights in the place of the weights."""
        weights = list(trainable(self.denoiser).values())
        if self.average is None:
            yield
            return
        self.average.store(weights)
        self.average.copy_to(weights)
        try:
            yield
        finally:
            self.average.restore(weights)

    def finish(self) -> nn.Module:
        """The denoiser with the averaged weights, without what the accelerator put round it."""
        if self.average is not None:
            self.average.copy_to(trainable(self.denoiser).values())
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        return self.denoiser.eval()


def _not_finite(what: str, step: int, levels: list[float], indices: list[int]) -> NonFiniteLossError:
    shown = ", ".join(f"{level:.4g}" for level in levels[:8])
    return NonFiniteLossError(
        f"{what} is not finite at step {step}: levels sigma/alpha = {shown}; samples {indices[:8]}"
    )
