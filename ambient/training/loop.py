r"""The training loop: one for every network, objective and data set.

Everything random in step k is a function of (seed, k), the order of the data of (seed, epoch), and a checkpoint holds
the weights, their moving average and Adam's moments; so a run that is killed anywhere and started again ends with the
same weights, on the CPU bit for bit. Progress is counted in images seen. To resume, run the same command again.

Only parameters that require a gradient are trained, averaged and saved. An update may be computed in parts, one after
another on each process; all parts of all processes together draw the numbers that one process would draw at once. The
precision of the network is the accelerator's; weights that are trained stay float32.

The moving average of the weights follows theta_ema <- beta theta_ema + (1 - beta) theta with
beta = min(ema, (1 + k) / (10 + k)).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from ambient.data.order import Order
from ambient.data.samples import Data
from ambient.objectives import (
    Loss,
    Objective,
)
from ambient.randomness import Draws
from ambient.runs.files import append_record, read_records, save_tensors, write_records
from ambient.runs.identity import claim_folder
from ambient.training.accelerators import accumulating, check_accelerator, is_sharded
from ambient.training.checkpoints import Checkpoints, load_trained, trainable, trained_state
from ambient.training.collapse import CollapseWatch
from ambient.training.options import TrainingConfig, make_optimizer
from ambient.training.progress import Bar, Progress, Window


class NonFiniteLossError(FloatingPointError):
    """The loss or its gradient stopped being a number; the last checkpoint is intact."""


@dataclass(frozen=True, eq=False)
class Callback:
    """What is called as the model is trained.

    Attributes:
        every: Updates between calls, >= 1.
        call: Called on the main process with the denoiser, its averaged weights in place and without gradient, and the
            number of updates; must leave the denoiser as it is. Called again for a step that a killed run repeats.
    """

    every: int
    call: Callable[[nn.Module, int], None]


def train(
    denoiser: nn.Module,
    objective: Objective,
    samples: Data,
    config: TrainingConfig,
    folder: Path,
    *,
    identity: Mapping[str, Any] | None = None,
    accelerator: Accelerator | None = None,
    progress: Progress | None = None,
    watch: bool = True,
    callbacks: Sequence[Callback] = (),
) -> nn.Module:
    """Train `denoiser` in place, or go on with the run that `folder` holds, and return it with averaged weights.

    Args:
        denoiser: A module called as denoiser(x_t, level, **condition); its frozen parameters stay as they are.
        objective: What to minimise.
        samples: What to train on.
        config: How to train.
        folder: Where `config.json`, `log.jsonl`, `checkpoint.safetensors` and, at the end, `model.safetensors`
            (the averaged weights) go.
        identity: What else makes this run what it is, for instance the network's options.
        accelerator: Device, processes, precision and trackers; a default one if None.
        progress: Called as the run goes on; a progress bar if None.
        watch: Whether a run with a term below the nature level is watched for collapse (`ambient.training.collapse`).
        callbacks: What is called as the model is trained, such as validation images.

    Returns:
        `denoiser`, in evaluation mode, with the averaged weights.

    Warns:
        CollapseWarning: If the model agrees with itself and not with the data.

    Raises:
        ConfigMismatchError: If the folder holds a run of another configuration, naming the fields.
        NonFiniteLossError: If the loss or its gradient is not finite, naming step, levels and samples.
        ValueError: If the batch does not divide among processes and parts, or the accelerator cannot serve the run.
    """
    accelerator = accelerator or Accelerator()
    check_accelerator(accelerator, config)
    if accelerator.is_main_process:
        facts = {"training": config, "objective": objective, "data": samples.fingerprint(), **(identity or {})}
        claim_folder(folder, facts)
    accelerator.wait_for_everyone()
    final = folder / "model.safetensors"
    if final.exists():
        load_trained(denoiser, final)
        return denoiser.to(accelerator.device).eval()
    with accumulating(accelerator, config):
        run = _Run(denoiser, objective, samples, config, folder, accelerator)
        run.resume()
        run.watch = CollapseWatch.of(objective, samples, config.batch) if watch else None
        run.callbacks = tuple(callbacks)
        run.loop(progress)
        if run.watch is not None:
            run.watch.check(denoiser, 1.0, config.steps)
        return run.finish(final)


class _Run:
    """The state of one run."""

    def __init__(
        self,
        denoiser: nn.Module,
        objective: Objective,
        samples: Data,
        config: TrainingConfig,
        folder: Path,
        accelerator: Accelerator,
    ) -> None:
        self.denoiser, self.objective, self.samples = denoiser.train(), objective, samples
        self.config, self.accelerator, self.log_path = config, accelerator, folder / "log.jsonl"
        denoiser.to(accelerator.device)
        if config.compile:
            denoiser.compile()
        weights = list(trainable(denoiser).values())
        adam = make_optimizer(weights, config)
        self.model, self.adam = accelerator.prepare(denoiser, adam)
        self.ema = EMAModel(weights, decay=config.ema, foreach=True) if config.ema else None
        self.checkpoints = Checkpoints(folder, denoiser, self.adam, self.ema, accelerator)
        self.watch: CollapseWatch | None = None
        self.callbacks: tuple[Callback, ...] = ()
        self.step = 0
        self.seconds = 0.0

    def loop(self, progress: Progress | None) -> None:
        config, order = self.config, Order(len(self.samples), self.config.seed)
        total = config.steps * config.batch
        with Bar(total, self.step * config.batch, progress, self.accelerator.is_main_process) as report:
            window, start = Window(), time.perf_counter()
            while self.step < config.steps:
                window.add(*self.update(order))
                self.step += 1
                report(self.step * config.batch, window.mean)
                if self.step % config.log_every == 0 or self.step == config.steps:
                    now = time.perf_counter()
                    self.seconds += now - start
                    self.log(window)
                    window, start = Window(), now
                for callback in self.callbacks:
                    if self.step % callback.every == 0:
                        self.call(callback)
                if self.step % config.checkpoint_every == 0 or self.step == config.steps:
                    self.checkpoints.save(self.step, self.seconds)
                    if self.watch is not None and self.step < config.steps:
                        self.watch.check(self.denoiser, self.step / config.steps, self.step)

    def update(self, order: Order) -> tuple[list[Loss], Tensor]:
        """One update; returns the losses of its parts and the norm of its gradient."""
        config, losses, indices = self.config, [], []
        for part in range(config.accumulation):
            with self.accelerator.accumulate(self.model):
                loss, index = self.backward(order, part)
            losses.append(loss)
            indices += index
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), config.clip or math.inf)
        norm = norm if isinstance(norm, Tensor) else torch.tensor(float(norm or 0.0))
        if not bool(norm.isfinite()):
            levels = [ratio for loss in losses for ratio in loss.level.ratio.tolist()]
            raise self._not_finite("the gradient", levels, indices)
        for group in self.adam.param_groups:
            group["lr"] = config.learning_rate_at(self.step)
        self.adam.step()
        self.adam.zero_grad()
        if self.ema is not None:
            self.ema.step(trainable(self.denoiser).values())
        return losses, norm

    def backward(self, order: Order, part: int) -> tuple[Loss, list[int]]:
        """Add the gradient of one part of the update; returns its loss and the samples' indices."""
        config, accelerator = self.config, self.accelerator
        pieces = accelerator.num_processes * config.accumulation
        piece, share = accelerator.process_index * config.accumulation + part, config.batch // pieces
        first = self.step * config.batch + piece * share
        batch = self.samples.batch(order(first, first + share), accelerator.device)
        loss = self.objective(self.model, batch, Draws.of_step(config.seed, self.step, piece, pieces))
        finite = loss.per_sample.isfinite()
        if not bool(finite.all()):
            levels = loss.level.ratio.expand(len(finite))[~finite].tolist()
            raise self._not_finite("the loss", levels, batch.index[~finite.cpu()].tolist())
        accelerator.backward(loss.per_sample.mean())
        return loss, batch.index.tolist()

    def _not_finite(self, what: str, levels: list[float], indices: list[int]) -> NonFiniteLossError:
        shown, path = ", ".join(f"{level:.4g}" for level in levels[:8]), self.checkpoints.path
        kept = f"the checkpoint in {path} is intact" if path.exists() else "none saved"
        return NonFiniteLossError(
            f"{what} is not finite at step {self.step}: levels sigma/alpha = {shown}; samples {indices[:8]}; {kept}. "
            "Lower the learning rate, clip the gradient, or look at these samples"
        )

    def log(self, window: Window) -> None:
        record = {
            "step": self.step,
            "images": self.step * self.config.batch,
            "seconds": round(self.seconds, 3),
            "learning_rate": self.config.learning_rate_at(self.step - 1),
            **window.record(),
        }
        if self.accelerator.is_main_process:
            append_record(self.log_path, record)
        curves = {name: record[name] for name in ("loss", "gradient_norm", "learning_rate")}
        self.accelerator.log(curves | record["terms"], step=self.step)

    @torch.no_grad()
    def call(self, callback: Callback) -> None:
        """Show the averaged weights, and go on with the weights themselves."""
        if self.accelerator.is_main_process:
            with self.averaged():
                callback.call(self.denoiser.eval(), self.step)
            self.denoiser.train()
        self.accelerator.wait_for_everyone()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The averaged weights in the place of the weights."""
        weights = list(trainable(self.denoiser).values())
        if self.ema is None:
            yield
            return
        self.ema.store(weights)
        self.ema.copy_to(weights)
        try:
            yield
        finally:
            self.ema.restore(weights)

    def resume(self) -> None:
        """Take up the checkpoint of the folder, if there is one, and cut the log back to it."""
        self.step, self.seconds = self.checkpoints.load()
        if self.accelerator.is_main_process and self.log_path.exists():
            write_records(self.log_path, [r for r in read_records(self.log_path) if r["step"] <= self.step])

    def finish(self, final: Path) -> nn.Module:
        """Put the averaged weights in place, write them, and return the denoiser."""
        if self.ema is not None:
            self.ema.copy_to(trainable(self.denoiser).values())
        whole = self.accelerator.get_state_dict(self.model) if is_sharded(self.accelerator) else None
        if self.accelerator.is_main_process:
            save_tensors(final, trained_state(self.denoiser, whole))
        self.accelerator.wait_for_everyone()
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        return self.denoiser.eval()
