"""One cell of an experiment: train a model, sample from it, audit the samples. Resumable at every stage.

Under `accelerate launch` all processes of a run work on one cell: they train it together, and each makes some of the
shards of its samples; the first one audits.
"""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from ambient.models.networks import parameters
from ambient.runs.files import last_record
from ambient.runs.locks import locked
from ambient.runs.results import read_results, write_results
from ambient.training import train
from ambient.training.checkpoints import load_trained
from toy.audit import Audit
from toy.cells import Cell
from toy.data import Split
from toy.model import SIGMA_DATA, Model, cell_folder, nature_sigma, untrained, weights_path
from toy.names import Precision
from toy.options import ToyOptions
from toy.sampling import Report, grid, load_samples, remove_damaged, shards, write_samples
from toy.training import keep_snapshots, objective_at, training_config

METRICS = "metrics.json"


def accelerator_of(device: str, precision: Precision) -> Accelerator:
    """Device, processes and precision."""
    return Accelerator(cpu=device == "cpu", mixed_precision=precision)


def remove_damaged_results(cell: Cell, folder: Path, samples: int) -> None:
    """Remove what is damaged of a cell's samples and metrics, so that it is made again.

    Args:
        cell: Which model.
        folder: Of its experiment.
        samples: Images that it should have.

    Warns:
        UserWarning: For each file.
    """
    remove_damaged(cell_folder(folder, cell), samples)
    path = cell_folder(folder, cell) / METRICS
    if path.exists() and _read(path) is None:
        warnings.warn(f"{path} is damaged; it is made again", stacklevel=2)
        path.unlink(missing_ok=True)


def is_done(cell: Cell, folder: Path, samples: int) -> bool:
    """Whether the experiment in `folder` holds the metrics of so many samples of a cell, and the samples."""
    own = cell_folder(folder, cell)
    metrics = _read(own / METRICS)
    there = all(not shard.is_damaged and shard.count() >= shard.wanted for shard in shards(own, samples))
    return there and metrics is not None and metrics["samples"] == samples


def read_metrics(cell: Cell, folder: Path) -> dict[str, Any]:
    """The metrics of a cell that is done, in the experiment in `folder`.

    Raises:
        OSError: If the file is missing or damaged.
    """
    path = cell_folder(folder, cell) / METRICS
    metrics = _read(path)
    if metrics is None:
        raise OSError(f"{path} is missing or damaged; run the command that made it again")
    return {name: value for name, value in metrics.items() if name != "samples"}


def _read(path: Path) -> dict[str, Any] | None:
    """What a file of metrics holds, or None if it is missing or damaged."""
    try:
        return read_results(path, "samples", "m13")
    except OSError:
        return None


def run_cell(
    cell: Cell, options: ToyOptions, split: Split, audit: Audit | None, report: Report, accelerator: Accelerator
) -> dict[str, Any]:
    """Train, sample and audit one model, or take up what its folder holds.

    Args:
        cell: Which model.
        options: The options of the run.
        split: The cell's images.
        audit: What its samples are measured by; None in processes other than the first.
        report: Told of the progress.
        accelerator: Device and processes.

    Returns:
        The cell's metrics, as in its `metrics.json`; none in processes other than the first.

    Raises:
        RuntimeError: If another process is at work on this cell.
    """
    folder = options.folder
    with locked(cell_folder(folder, cell.whole), wait=30) if accelerator.is_main_process else nullcontext():
        sigma = nature_sigma(cell, split.train, options.source.sigma_range[1])
        model = _trained(cell, options, split, sigma, report, accelerator)
        sigmas = grid(cell, options.sampling.sampler_steps, options.source.sigma_range, sigma)
        write_samples(model, cell.seed, sigmas, options.sampling, cell_folder(folder, cell), report, accelerator)
        accelerator.wait_for_everyone()
        if audit is not None:
            report("audit", 0, 1)
            samples, steps = options.sampling.samples, options.training.steps
            metrics = audit(load_samples(cell_folder(folder, cell), samples))
            metrics["seconds"] = _seconds(cell_folder(folder, cell.whole)) * (cell.stop or steps) / steps
            metrics["parameters"] = parameters(model.denoiser)
            if sigma is not None:
                metrics["sigma_nature"] = sigma
            write_results(cell_folder(folder, cell) / METRICS, {**metrics, "samples": samples})
        accelerator.wait_for_everyone()
    report("done", 1, 1)
    return read_metrics(cell, folder) if audit is not None else {}


def _trained(
    cell: Cell, options: ToyOptions, split: Split, sigma: float | None, report: Report, accelerator: Accelerator
) -> Model:
    """The cell's model, trained or taken up, on the accelerator's device."""
    training = options.training
    model, samples = untrained(cell, training, split, sigma, options.source.classes)
    stops = options.sweep.stops if cell.method == "dsm" else ()
    snapshots = {stop: weights_path(options.folder, replace(cell, stop=stop)) for stop in stops}
    train(
        model.denoiser,
        objective_at(cell.method, sigma, training.augment),
        samples,
        training_config(training, cell.seed, options.place.compile),
        cell_folder(options.folder, cell.whole),
        identity={"network": training.network, "sigma_data": SIGMA_DATA, "stops": stops},
        accelerator=accelerator,
        progress=lambda images, _: report("train", images, training.steps * training.batch),
        callbacks=[keep_snapshots(snapshots)] if snapshots else [],
    )
    if cell.stop is not None:
        load_trained(model.denoiser, weights_path(options.folder, cell))
    return model


def _seconds(folder: Path) -> float:
    """What the training in a folder took."""
    path = folder / "log.jsonl"
    try:
        return float(last_record(path, "seconds")["seconds"])
    except (OSError, ValueError, TypeError) as error:
        raise OSError(
            f"{path} is missing or damaged: nothing says how long the training took; remove {folder}, and run the same "
            "command again"
        ) from error
