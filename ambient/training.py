r"""The training loop: one for every network, objective and data set.

Everything random in step k is a function of (seed, k), the order of the data of (seed, epoch), and a checkpoint holds
the weights, their moving average and Adam's moments; so a run that is killed anywhere and started again ends with the
same weights, on the CPU bit for bit. Progress is counted in images seen. To resume, run the same command again.

The moving average of the weights follows theta_ema <- beta theta_ema + (1 - beta) theta with
beta = min(ema, (1 + k) / (10 + k)).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from tqdm.auto import tqdm

from ambient.collapse import CollapseWatch
from ambient.data import Order, Samples
from ambient.files import append_record, read_records, save_tensors, write_records
from ambient.identity import claim_folder
from ambient.objectives import Loss, Objective
from ambient.randomness import Draws

LEVEL_BINS = torch.logspace(-2.5, 2, 28, dtype=torch.float64)
"""Edges of the bins of sigma / alpha in which the log reports the loss."""

Progress = Callable[[int, float], None]
"""Called with (images seen, running mean of the loss)."""


class NonFiniteLossError(FloatingPointError):
    """The loss or its gradient stopped being a number; the last checkpoint is intact."""


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
        ema: Largest decay of the moving average of the weights, in [0, 1).
        seed: Seed of the order and of all noise in training.
        log_every: Updates between records of the log.
        checkpoint_every: Updates between checkpoints; a multiple of log_every.
    """

    steps: int = 2000
    batch: int = 64
    learning_rate: float = 2e-3
    warmup: int = 200
    schedule: Literal["cosine", "constant"] = "cosine"
    clip: float | None = None
    ema: float = 0.999
    seed: int = 0
    log_every: int = 50
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must lie in [0, 1), got {self.ema}")
        if self.checkpoint_every % self.log_every:
            raise ValueError(
                f"checkpoint_every ({self.checkpoint_every}) must be a multiple of log_every ({self.log_every})"
            )

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of update `step`, counted from 0."""
        warm = min(1.0, (step + 1) / (self.warmup + 1))
        if self.schedule == "constant":
            return self.learning_rate * warm
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / self.steps))


def train(
    denoiser: nn.Module,
    objective: Objective,
    samples: Samples,
    config: TrainingConfig,
    folder: Path,
    *,
    identity: Mapping[str, Any] | None = None,
    accelerator: Accelerator | None = None,
    progress: Progress | None = None,
    watch: bool = True,
) -> nn.Module:
    """Train `denoiser` in place, or go on with the run that `folder` holds, and return it with averaged weights.

    Args:
        denoiser: A module called as denoiser(x_t, level, **condition).
        objective: What to minimise.
        samples: What to train on.
        config: How to train.
        folder: Where `config.json`, `log.jsonl`, `checkpoint.safetensors` and, at the end, `model.safetensors`
            (the averaged weights) go.
        identity: What else makes this run what it is, for instance the network's options.
        accelerator: Device and processes; a default one if None.
        progress: Called as the run goes on; a progress bar if None.
        watch: Whether a run with a term below the nature level is watched for collapse (`ambient.collapse`).

    Returns:
        `denoiser`, in evaluation mode, with the averaged weights.

    Warns:
        CollapseWarning: If the model agrees with itself and not with the data.

    Raises:
        ConfigMismatchError: If the folder holds a run of another configuration, naming the fields.
        NonFiniteLossError: If the loss or its gradient is not finite, naming step, levels and samples.
        ValueError: If the batch does not divide among the processes.
    """
    accelerator = accelerator or Accelerator()
    if config.batch % accelerator.num_processes:
        raise ValueError(f"a batch of {config.batch} does not divide among {accelerator.num_processes} processes")
    if accelerator.is_main_process:
        facts = {"training": config, "objective": objective, "data": samples.fingerprint(), **(identity or {})}
        claim_folder(folder, facts)
    accelerator.wait_for_everyone()
    final = folder / "model.safetensors"
    if final.exists():
        denoiser.load_state_dict(safetensors.torch.load_file(final))
        return denoiser.to(accelerator.device).eval()
    run = _Run(denoiser, objective, samples, config, folder, accelerator)
    run.resume()
    run.watch = CollapseWatch.of(objective, samples, config.batch) if watch else None
    run.loop(progress)
    if run.watch is not None:
        run.watch.check(denoiser, 1.0, config.steps)
    run.ema.copy_to(denoiser.parameters())
    if accelerator.is_main_process:
        save_tensors(final, denoiser.state_dict())
    accelerator.wait_for_everyone()
    return denoiser.eval()


class _Run:
    """The state of one run."""

    def __init__(
        self,
        denoiser: nn.Module,
        objective: Objective,
        samples: Samples,
        config: TrainingConfig,
        folder: Path,
        accelerator: Accelerator,
    ) -> None:
        self.denoiser, self.objective, self.samples = denoiser.train(), objective, samples
        self.config, self.folder, self.accelerator = config, folder, accelerator
        self.checkpoint_path, self.log_path = folder / "checkpoint.safetensors", folder / "log.jsonl"
        denoiser.to(accelerator.device)
        adam = torch.optim.Adam(denoiser.parameters(), lr=config.learning_rate, fused=True)
        self.model, self.adam = accelerator.prepare(denoiser, adam)
        self.ema = EMAModel(denoiser.parameters(), decay=config.ema, foreach=True)
        self.watch: CollapseWatch | None = None
        self.step = 0
        self.seconds = 0.0

    def loop(self, progress: Progress | None) -> None:
        config, order = self.config, Order(len(self.samples), self.config.seed)
        total = config.steps * config.batch
        with _bar(total, self.step * config.batch, progress, self.accelerator.is_main_process) as report:
            window, start = _Window(), time.perf_counter()
            while self.step < config.steps:
                window.add(*self.update(order))
                self.step += 1
                report(self.step * config.batch, window.mean)
                if self.step % config.log_every == 0 or self.step == config.steps:
                    now = time.perf_counter()
                    self.seconds += now - start
                    self.log(window)
                    window, start = _Window(), now
                if self.step % config.checkpoint_every == 0 or self.step == config.steps:
                    self.save()
                    if self.watch is not None and self.step < config.steps:
                        self.watch.check(self.denoiser, self.step / config.steps, self.step)

    def update(self, order: Order) -> tuple[Loss, Tensor]:
        """One update; returns the loss and the norm of its gradient."""
        config, accelerator = self.config, self.accelerator
        rank, world = accelerator.process_index, accelerator.num_processes
        first, share = self.step * config.batch, config.batch // world
        rows = order(first + rank * share, first + (rank + 1) * share)
        batch = self.samples.batch(rows, accelerator.device)
        loss = self.objective(self.model, batch, Draws.of_step(config.seed, self.step, rank, world))
        finite = loss.per_sample.isfinite()
        if not bool(finite.all()):
            levels = loss.level.ratio.expand(len(finite))[~finite].tolist()
            raise self._not_finite("the loss", levels, batch.index[~finite.cpu()].tolist())
        accelerator.backward(loss.per_sample.mean())
        norm = accelerator.clip_grad_norm_(self.model.parameters(), config.clip or math.inf)
        if not bool(norm.isfinite()):
            raise self._not_finite("the gradient", loss.level.ratio.tolist(), batch.index.tolist())
        for group in self.adam.param_groups:
            group["lr"] = config.learning_rate_at(self.step)
        self.adam.step()
        self.adam.zero_grad()
        self.ema.step(self.denoiser.parameters())
        return loss, norm

    def _not_finite(self, what: str, levels: list[float], indices: list[int]) -> NonFiniteLossError:
        shown = ", ".join(f"{level:.4g}" for level in levels[:8])
        kept = f"the checkpoint in {self.checkpoint_path} is intact" if self.checkpoint_path.exists() else "none saved"
        return NonFiniteLossError(
            f"{what} is not finite at step {self.step}: levels sigma/alpha = {shown}; samples {indices[:8]}; {kept}. "
            "Lower the learning rate, clip the gradient, or look at these samples"
        )

    def log(self, window: _Window) -> None:
        if not self.accelerator.is_main_process:
            return
        record = {
            "step": self.step,
            "images": self.step * self.config.batch,
            "seconds": round(self.seconds, 3),
            "learning_rate": self.config.learning_rate_at(self.step - 1),
            **window.record(),
        }
        append_record(self.log_path, record)

    def save(self) -> None:
        """Write weights, average and moments as one safetensors file."""
        if not self.accelerator.is_main_process:
            return
        tensors: dict[str, Tensor] = {}
        state = self.adam.state_dict()["state"]
        for i, (name, weight) in enumerate(self.denoiser.named_parameters()):
            tensors[f"weight.{name}"] = weight.detach()
            tensors[f"average.{name}"] = self.ema.shadow_params[i]
            tensors.update({f"adam.{key}.{name}": value for key, value in state[i].items()})
        tensors.update({f"buffer.{name}": value for name, value in self.denoiser.named_buffers()})
        facts = {"state": json.dumps({"step": self.step, "seconds": self.seconds})}
        save_tensors(self.checkpoint_path, tensors, facts)

    def resume(self) -> None:
        """Take up the checkpoint of the folder, if there is one, and cut the log back to it."""
        if self.checkpoint_path.exists():
            with safetensors.safe_open(self.checkpoint_path, "pt") as file:
                facts = json.loads(file.metadata()["state"])
                names = list(file.keys())
                tensors = {name: file.get_tensor(name) for name in names}
            self._restore(tensors)
            self.step, self.seconds = facts["step"], facts["seconds"]
            self.ema.optimization_step = self.step
        if self.accelerator.is_main_process and self.log_path.exists():
            write_records(self.log_path, [r for r in read_records(self.log_path) if r["step"] <= self.step])

    def _restore(self, tensors: dict[str, Tensor]) -> None:
        state = self.adam.state_dict()
        with torch.no_grad():
            for i, (name, weight) in enumerate(self.denoiser.named_parameters()):
                weight.copy_(tensors[f"weight.{name}"])
                self.ema.shadow_params[i].copy_(tensors[f"average.{name}"])
                state["state"][i] = {k: tensors[f"adam.{k}.{name}"] for k in ("step", "exp_avg", "exp_avg_sq")}
            for name, buffer in self.denoiser.named_buffers():
                buffer.copy_(tensors[f"buffer.{name}"])
        self.adam.load_state_dict(state)


class _Window:
    """Means of what happened since the last record of the log."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.terms: dict[str, list[float]] = {}
        self.by_level = torch.zeros(2, len(LEVEL_BINS) - 1, dtype=torch.float64)

    @property
    def mean(self) -> float:
        return sum(self.losses) / max(len(self.losses), 1)

    def add(self, loss: Loss, norm: Tensor) -> None:
        self.losses.append(float(loss.per_sample.detach().mean()))
        self.norms.append(float(norm))
        for name, value in loss.terms.items():
            self.terms.setdefault(name, []).append(float(value.mean()))
        ratio = loss.level.ratio.detach().cpu().to(torch.float64)
        bins = torch.bucketize(ratio, LEVEL_BINS[1:-1])
        values = next(iter(loss.terms.values())).detach().cpu().to(torch.float64)
        self.by_level[0].index_add_(0, bins, values)
        self.by_level[1].index_add_(0, bins, torch.ones_like(values))

    def record(self) -> dict[str, Any]:
        terms = {name: sum(values) / len(values) for name, values in self.terms.items()}
        totals, counts = self.by_level.tolist()
        gradient = sum(self.norms) / len(self.norms)
        return {
            "loss": self.mean,
            "terms": terms,
            "gradient_norm": gradient,
            "level_sum": totals,
            "level_count": counts,
        }


class _bar:
    """A progress bar in images, or the caller's own reporter."""

    def __init__(self, total: int, done: int, progress: Progress | None, show: bool) -> None:
        self.progress = progress
        self.bar = tqdm(total=total, initial=done, unit="img", disable=progress is not None or not show)

    def __enter__(self) -> Progress:
        return self.progress or self._advance

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def _advance(self, images: int, loss: float) -> None:
        self.bar.update(images - self.bar.n)
        self.bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
