r"""The training loop: one for every network, objective and data set.

What is random in an update is a function of its number (`ambient.training.updates`), and a checkpoint holds the
weights, their moving average and Adam's moments (`ambient.training.checkpoints`); so a run that is stopped anywhere and
started again ends with the same weights and the same log, on the CPU bit for bit. To resume, run the same command
again. A finished run whose learning rate is constant can be given more steps, and goes on in the same way.

A signal to stop (SIGINT, SIGTERM, SIGHUP) lets the update end and saves a checkpoint. Progress is counted in images
seen. The precision of the network is the accelerator's; weights that are trained stay float32.
"""

from __future__ import annotations

import signal
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from ambient.data.samples import Data
from ambient.objectives import Loss, Objective
from ambient.runs.checksums import verify
from ambient.runs.damage import DamagedFileError
from ambient.runs.files import append_record, read_records, save_tensors, write_records
from ambient.runs.identity import claim_folder
from ambient.runs.locks import locked
from ambient.runs.signals import AGAIN, Asked, Interrupted, noted
from ambient.training.accelerators import accumulating, check_accelerator, is_sharded
from ambient.training.checkpoints import Checkpoints, Position, load_trained, trained_state
from ambient.training.collapse import CollapseWatch
from ambient.training.options import TrainingConfig
from ambient.training.progress import Bar, Progress, Window
from ambient.training.updates import NonFiniteLossError, Updates

MODEL = "model.safetensors"
"""Name of the finished model."""
COSINE = "a cosine schedule ends with the last step, so with other steps every update is another"
"""Why such a run cannot be given more steps."""


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
        folder: Where `config.json`, `log.jsonl`, the newest checkpoint and the one before it and, at the end,
            `model.safetensors` (the averaged weights) go. No other process may be at work there.
        identity: What else makes this run what it is, for instance the network's options.
        accelerator: Device, processes, precision and trackers; a default one if None.
        progress: Called as the run goes on; a progress bar if None.
        watch: Whether a run with a term below the nature level is watched for collapse (`ambient.training.collapse`).
        callbacks: What is called as the model is trained, such as validation images.

    Returns:
        `denoiser`, in evaluation mode, with the averaged weights.

    Warns:
        CollapseWarning: If the model agrees with itself and not with the data.
        UserWarning: If the newest checkpoint, or the finished model, is damaged, and what is done about it; if records
            of the log are lost; if the run has done more steps than are asked for, which is then as far as it goes.

    Raises:
        ConfigMismatchError: If the folder holds a run of another configuration, naming the fields.
        NonFiniteLossError: If the loss or its gradient is not finite, naming step, levels and samples.
        Interrupted: If a signal asked to stop, once a checkpoint has been saved; it says at which update.
        DamagedFileError: If no checkpoint of the run is whole.
        RuntimeError: If another process is at work in the folder.
        ValueError: If the batch does not divide among processes and parts, the accelerator cannot serve the run, or
            a finished run cannot be given more steps because its checkpoint is gone.
    """
    accelerator = accelerator or Accelerator()
    check_accelerator(accelerator, config)
    main = accelerator.is_main_process
    with locked(folder) if main else nullcontext():
        if main:
            facts = {"training": config.identity(), "objective": objective, "data": samples.fingerprint()}
            claim_folder(folder, {**facts, **(identity or {})}, reasons={"training.steps": COSINE})
        accelerator.wait_for_everyone()
        if _take_up(denoiser, folder, config, main):
            return denoiser.to(accelerator.device).eval()
        with accumulating(accelerator, config):
            run = _Run(Updates(denoiser, objective, samples, config, accelerator), folder, tuple(callbacks))
            run.resume()
            run.watch = CollapseWatch.of(objective, samples, config.batch) if watch else None
            run.loop(progress)
            if run.watch is not None:
                run.watch.check(denoiser, 1.0, run.step)
            return run.finish()


def _take_up(denoiser: nn.Module, folder: Path, config: TrainingConfig, main: bool) -> bool:
    """Load the finished model of a folder; False if there is none of so many steps that is whole."""
    path = folder / MODEL
    if not path.exists():
        return False
    try:
        done = int(verify(path).get("step", -1))
    except DamagedFileError as error:
        if main:
            warnings.warn(f"{error}. It is made again, from the checkpoint if that is whole", stacklevel=3)
        return False
    if done < config.steps:
        if not any(folder.glob("checkpoint.*")):
            raise ValueError(f"{folder} holds a run of {done} steps without its checkpoint: it cannot be given more")
        return False
    if main and done > config.steps:
        _warn_of_more(done, config)
    load_trained(denoiser, path)
    return True


def _warn_of_more(done: int, config: TrainingConfig) -> None:
    warnings.warn(
        f"{config.steps} steps are asked for, and this run has done {done} already: its model is that of {done} steps",
        stacklevel=4,
    )


class _Run:
    """One run: where it is, and what it writes.

    Attributes:
        updates: What changes the weights.
        callbacks: What looks at them.
        watch: What warns of a collapse, or None.
        step: Updates done.
    """

    def __init__(self, updates: Updates, folder: Path, callbacks: tuple[Callback, ...]) -> None:
        self.updates, self.callbacks, self.folder = updates, callbacks, folder
        self.config, self.accelerator, self.denoiser = updates.config, updates.accelerator, updates.denoiser
        self.checkpoints = Checkpoints(folder, self.denoiser, updates.optimizer, updates.average, self.accelerator)
        self.log_path = folder / "log.jsonl"
        self.watch: CollapseWatch | None = None
        self.step = 0
        self.window = Window()
        self.clock = _Clock(0.0)
        self.seconds = 0.0
        """What the parts of the run before this one took."""

    def resume(self) -> None:
        """Take up the checkpoint of the folder, if there is one, and cut the log back to where its window begins."""
        position = self.checkpoints.load()
        if position.step > self.config.steps and self.accelerator.is_main_process:
            _warn_of_more(position.step, self.config)
        self.step, self.window, self.seconds = position.step, Window(position.window), position.seconds
        if self.accelerator.is_main_process:
            # A run that has done all its updates is not to write the record of its last window again.
            begins = self.step if self.step == self.config.steps else self.step - len(self.window)
            records = [r for r in read_records(self.log_path, "step") if r["step"] <= begins]
            last = records[-1]["step"] if records else 0
            if last != begins:
                warnings.warn(
                    f"{self.log_path} is damaged: its records from update {last} to {begins} are lost", stacklevel=2
                )
            if self.log_path.exists():
                write_records(self.log_path, records)

    def loop(self, progress: Progress | None) -> None:
        """All updates that are left, with log, callbacks and checkpoints in between."""
        config = self.config
        total, done = config.steps * config.batch, self.step * config.batch
        self.clock = _Clock(self.seconds)
        with Bar(total, done, progress, self.accelerator.is_main_process) as report, noted() as asked:
            while self.step < config.steps:
                self.window.add(*self.update())
                self.step += 1
                report(self.step * config.batch, self.window.mean)
                if self.step % config.log_every == 0:
                    self.log()
                    self.window = Window()
                elif self.step == config.steps:
                    self.log()  # of a window that goes on if the run is given more steps
                for callback in self.callbacks:
                    if self.step % callback.every == 0:
                        self.call(callback)
                stop = self.agreed(asked)
                if stop or self.step % config.checkpoint_every == 0 or self.step == config.steps:
                    self.checkpoints.save(Position(self.step, self.clock.seconds(), self.window.state()))
                if stop:
                    raise self.interrupted(asked)
                if self.watch is not None and self.step % config.checkpoint_every == 0 and self.step < config.steps:
                    self.watch.check(self.denoiser, self.step / config.steps, self.step)
            if self.agreed(asked):
                raise self.interrupted(asked)

    def update(self) -> tuple[list[Loss], Tensor]:
        """The next update; a loss that is no number is reported with what is left of the run."""
        try:
            return self.updates(self.step)
        except NonFiniteLossError as error:
            path = self.checkpoints.path
            kept = f"the checkpoint in {path} is intact" if path.exists() else "none saved"
            advice = "Lower the learning rate, clip the gradient, or look at these samples"
            raise NonFiniteLossError(f"{error}; {kept}. {advice}") from None

    def agreed(self, asked: Asked) -> bool:
        """Whether any process of the run was asked to stop: all end after the same update."""
        if self.accelerator.num_processes == 1:
            return bool(asked)
        if asked:
            self.accelerator.set_trigger()
        return bool(self.accelerator.check_trigger())

    def interrupted(self, asked: Asked) -> Interrupted:
        """What ends a run that was asked to stop."""
        signum = signal.SIGTERM if asked.signum is None else asked.signum
        name = signal.Signals(signum).name
        where = f"after update {self.step} of {self.config.steps}"
        return Interrupted(f"Stopped by {name} {where}; {AGAIN} there.", signum, where)

    def log(self) -> None:
        """Write the means of the window."""
        record = {
            "step": self.step,
            "images": self.step * self.config.batch,
            "seconds": round(self.clock.seconds(), 3),
            "learning_rate": self.config.learning_rate_at(self.step - 1),
            **self.window.record(),
        }
        if self.accelerator.is_main_process:
            append_record(self.log_path, record)
        curves = {name: record[name] for name in ("loss", "gradient_norm", "learning_rate")}
        self.accelerator.log(curves | record["terms"], step=self.step)

    @torch.no_grad()
    def call(self, callback: Callback) -> None:
        """Show the averaged weights, and go on with the weights themselves."""
        if self.accelerator.is_main_process:
            with self.updates.averaged():
                callback.call(self.denoiser.eval(), self.step)
            self.denoiser.train()
        self.accelerator.wait_for_everyone()

    def finish(self) -> nn.Module:
        """Write the averaged weights, and return the denoiser with them."""
        pieces = self.accelerator.get_state_dict(self.updates.model) if is_sharded(self.accelerator) else None
        denoiser = self.updates.finish()
        if self.accelerator.is_main_process:
            save_tensors(self.folder / MODEL, trained_state(denoiser, pieces), {"step": str(self.step)})
        self.accelerator.wait_for_everyone()
        return denoiser


class _Clock:
    """Seconds of a run, over all of its parts."""

    def __init__(self, before: float) -> None:
        self.before, self.start = before, time.perf_counter()

    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.start
