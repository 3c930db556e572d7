"""One cell of an experiment: train a model, sample from it, audit the samples. Resumable at every stage.

Under `accelerate launch` all processes of a run work on one cell: they train it together, and each makes some of the
shards of its samples; the first one audits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from ambient import karras
from ambient.data import Samples
from ambient.denoisers import EDMDenoiser, MaskedDenoiser
from ambient.models.networks import MaskedInput, build, parameters
from ambient.objectives import (
    Objective,
)
from ambient.objectives.masked import fixed_masks
from ambient.objectives.wrappers.augmented import Augmented
from ambient.process import VE, Level
from ambient.randomness import generator
from ambient.runs.files import last_record, load_tensors, save_tensors, write_json
from ambient.runs.locks import locked
from ambient.sampling import generate
from ambient.training import Callback, TrainingConfig, train
from ambient.training.checkpoints import load_trained, trained_state
from theory.empirical import collapse_level
from toy.audit import Audit
from toy.config import Cell, Options
from toy.data import Split, split_of
from toy.methods import METHODS

SIGMA_DATA = 0.5
SHARD = 1000
"""Images in a file of samples."""
SAMPLERS: dict[str, karras.Sampler] = {
    "heun": karras.sample_heun,
    "euler": karras.sample_euler,
    "ancestral": karras.sample_euler_ancestral,
}

Report = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model.

    Attributes:
        denoiser: Of images about their centre.
        centre: (C, H, W).
        classes: Number of classes that it is told; 0 for none.
        hidden: Share of the pixels hidden from it; 0 for none.
    """

    denoiser: EDMDenoiser
    centre: Tensor
    classes: int = 0
    hidden: float = 0.0

    def condition(self, seed: int, indices: Sequence[int], device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """What the denoiser is told of the generated images `indices`: classes in turn, and a fixed mask each."""
        told = {}
        if self.classes:
            told["label"] = torch.tensor([i % self.classes for i in indices], device=device)
        if self.hidden:
            masks = fixed_masks(seed, indices, (1, *self.centre.shape[1:]), self.hidden, "sampling")
            told["mask"] = masks.to(device)
        return told


def run_cell(cell: Cell, options: Options, report: Report, accelerator: Accelerator | None = None) -> dict[str, Any]:
    """Train, sample and audit one model, or take up what its folder holds.

    Args:
        cell: Which model.
        options: The options of the run.
        report: Told of the progress.
        accelerator: Device and processes.

    Returns:
        The cell's metrics, as in its `metrics.json`; none in processes other than the first.

    Raises:
        RuntimeError: If another process is at work on this cell.
    """
    accelerator = accelerator or accelerator_of(options)
    folder = cell_folder(options, cell)
    done = all(path.exists() for path in (folder / "metrics.json", *_shards(options, folder)))
    accelerator.wait_for_everyone()
    whole = cell_folder(options, cell.whole)
    with locked(whole, wait=30) if accelerator.is_main_process else nullcontext():
        if not done:
            _run(cell, options, folder, report, accelerator)
        accelerator.wait_for_everyone()
    report("done", 1, 1)
    return dict(json.loads((folder / "metrics.json").read_text())) if accelerator.is_main_process else {}


def accelerator_of(options: Options) -> Accelerator:
    """Device, processes and precision."""
    return Accelerator(cpu=options.device == "cpu", mixed_precision=options.precision)


def cell_folder(options: Options, cell: Cell) -> Path:
    """Where the results of a cell go."""
    return options.folder / "cells" / cell.name


def _run(cell: Cell, options: Options, folder: Path, report: Report, accelerator: Accelerator) -> None:
    split = split_of(options.sources, cell.images, cell.seed)
    sigma = nature_sigma(cell, options, split)
    folder.mkdir(parents=True, exist_ok=True)
    model = _train(cell, options, split, sigma, report, accelerator)
    _sample(model, cell, options, sigma, folder, report, accelerator)
    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        return
    report("audit", 0, 1)
    metrics = Audit.of(options, cell.images, cell.seed)(load_samples(folder))
    whole = last_record(cell_folder(options, cell.whole) / "log.jsonl", "seconds")["seconds"]
    metrics["seconds"] = whole * (cell.stop or options.steps) / options.steps
    metrics["parameters"] = parameters(model.denoiser)
    if sigma is not None:
        metrics["sigma_nature"] = sigma
    write_json(folder / "metrics.json", metrics)


def nature_sigma(cell: Cell, options: Options, split: Split) -> float | None:
    """The nature level of a cell: for "auto" the collapse level of its training images, which needs no training."""
    if cell.sigma_nature != "auto":
        return cell.sigma_nature
    try:
        sigma = collapse_level(split.train - split.train.mean(0))
    except ValueError as error:
        raise ValueError(f"--sigma-nature auto: {error}; or give a level") from error
    most = options.sigma_range[1]
    if sigma >= most:
        raise ValueError(f"--sigma-nature auto: these images collapse at {sigma:.3g}, above {most:g}; give a level")
    return sigma


def _parts(cell: Cell, options: Options, split: Split, sigma: float | None) -> tuple[EDMDenoiser, Samples, Model]:
    """An untrained denoiser, what it is to be trained on, and the model that they will make."""
    method = METHODS[cell.method]
    x_0, labels, index = split.train, split.labels, split.index
    if method.held_out:
        x_0, labels, index = split.unseen, split.unseen_labels, torch.arange(len(split.unseen))
        if len(x_0) < len(split.train):
            raise ValueError(f"--methods held-out: {len(x_0)} images are left for it, fewer than are trained on")
    samples, centre = method.samples(x_0, index, sigma, cell.seed, options.hidden)
    classes = split.classes if options.classes else 0
    if classes and labels is not None:
        samples = replace(samples, condition={**samples.condition, "label": labels})
    masked = method.sees == "masked"
    channels, side = x_0.shape[1], x_0.shape[2]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", cell.seed).initial_seed())
        network = build(
            options.network,
            side,
            channels + masked,
            dropout=options.dropout if method.dropout else None,
            classes=classes,
            augmented=options.augment > 0,
        )
    denoiser = EDMDenoiser(network, SIGMA_DATA)
    if masked:
        denoiser = MaskedDenoiser(MaskedInput(network, channels), SIGMA_DATA)
    # A mask at sampling is like those of training: what the data hide, and what is hidden further.
    hidden = 1 - (1 - options.hidden) * 0.9 if masked else 0.0
    return denoiser, samples, Model(denoiser, centre, classes, hidden)


def _train(
    cell: Cell, options: Options, split: Split, sigma: float | None, report: Report, accelerator: Accelerator
) -> Model:
    denoiser, samples, model = _parts(cell, options, split, sigma)
    folder = cell_folder(options, cell.whole)
    config = TrainingConfig(
        steps=options.steps,
        batch=options.batch,
        learning_rate=options.peak_learning_rate,
        weight_decay=options.weight_decay,
        accumulation=options.accumulation,
        compile=options.compile,
        warmup=min(200, options.steps // 10),
        seed=cell.seed,
    )
    stops = options.stops if cell.method == "dsm" else ()
    train(
        denoiser,
        _objective(cell, options, sigma),
        samples,
        config,
        folder,
        identity={"network": options.network, "sigma_data": SIGMA_DATA, "stops": stops},
        accelerator=accelerator,
        progress=lambda images, _: report("train", images, options.steps * options.batch),
        callbacks=[_snapshots(folder, stops)] if stops else [],
    )
    if cell.stop is not None:
        load_trained(denoiser, _snapshot(folder, cell.stop))
    return model


def _objective(cell: Cell, options: Options, sigma: float | None) -> Objective:
    nature = Level.clean() if sigma is None else VE().level(sigma)
    objective = METHODS[cell.method].objective(nature, SIGMA_DATA)
    return Augmented(objective, options.augment) if options.augment else objective


def _snapshots(folder: Path, stops: Sequence[int]) -> Callback:
    """Keeps the averaged weights as they are after each of `stops` steps."""

    def look(denoiser: nn.Module, step: int) -> None:
        if step in stops:
            save_tensors(_snapshot(folder, step), trained_state(denoiser))

    return Callback(math.gcd(*stops), look)


def _snapshot(folder: Path, step: int) -> Path:
    return folder / f"model-{step}.safetensors"


def load_model(cell: Cell, options: Options) -> Model:
    """The model of a cell whose training is done."""
    split = split_of(options.sources, cell.images, cell.seed)
    _, _, model = _parts(cell, options, split, nature_sigma(cell, options, split))
    folder = cell_folder(options, cell.whole)
    load_trained(model.denoiser, folder / "model.safetensors" if cell.stop is None else _snapshot(folder, cell.stop))
    model.denoiser.to(options.device).eval()
    return model


def _sample(
    model: Model,
    cell: Cell,
    options: Options,
    sigma: float | None,
    folder: Path,
    report: Report,
    accelerator: Accelerator,
) -> None:
    """Write the shards of generated images that are not there yet; the processes take them in turn."""
    for number, path in enumerate(_shards(options, folder)):
        start = number * SHARD
        if number % accelerator.num_processes != accelerator.process_index or path.exists():
            continue

        def told(indices: Sequence[int]) -> dict[str, Tensor]:
            return model.condition(cell.seed, indices, accelerator.device)

        batches = generate(
            model.denoiser,
            range(start, min(start + SHARD, options.samples)),
            tuple(model.centre.shape),
            _grid(cell, options, sigma),
            seed=cell.seed,
            sampler=SAMPLERS[options.sampler],
            condition=told,
            device=accelerator.device,
            progress=partial(_sampled, report, start, options.samples),
        )
        save_tensors(path, {"images": torch.cat(list(batches)) + model.centre}, {"name": path.name})


def _shards(options: Options, folder: Path) -> list[Path]:
    """The files that a cell's samples are in."""
    return [folder / "samples" / f"{number:05d}.safetensors" for number in range(-(-options.samples // SHARD))]


def _sampled(report: Report, start: int, total: int, done: int) -> None:
    report("sample", start + done, total)


def load_samples(folder: Path) -> Tensor:
    """The generated images of a cell, (M, C, H, W).

    Raises:
        OSError: If a file of them is damaged, naming it.
    """
    parts = []
    for path in sorted((folder / "samples").glob("*.safetensors")):
        remedy = "remove it, and run the same command again"
        parts.append(load_tensors(path, "images", metadata={"name": path.name}, remedy=remedy)[0]["images"])
    return torch.cat(parts)


def _grid(cell: Cell, options: Options, sigma: float | None) -> Tensor:
    sigmas = karras.karras_sigmas(options.sampler_steps, *options.sigma_range)
    stop = METHODS[cell.method].stop
    return karras.truncate(sigmas, stop * sigma) if stop and sigma is not None else sigmas
