"""One cell of an experiment: train a model, sample from it, audit the samples. Resumable at every stage.

Under `accelerate launch` all processes of a run work on one cell: they train it together, and each makes some of the
shards of its samples; the first one audits.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from ambient.models.networks import parameters
from ambient.runs.files import last_record, read_json, write_json
from ambient.runs.locks import locked
from ambient.training import train
from ambient.training.checkpoints import load_trained
from toy.audit import Audit
from toy.cells import Cell
from toy.data import Split
from toy.model import SIGMA_DATA, Model, cell_folder, nature_sigma, untrained, weights_path
from toy.names import Precision
from toy.options import ToyOptions
from toy.sampling import Report, grid, load_samples, shards, write_samples
from toy.training import keep_snapshots, objective_at, training_config


def accelerator_of(device: str, precision: Precision) -> Accelerator:
    """Device, processes and precision."""
    return Accelerator(cpu=device == "cpu", mixed_precision=precision)


def is_done(cell: Cell, folder: Path, samples: int) -> bool:
    """Whether the experiment in `folder` holds the metrics and all samples of a cell."""
    own = cell_folder(folder, cell)
    return all(path.exists() for path in (own / "metrics.json", *shards(own, samples)))


def read_metrics(cell: Cell, folder: Path) -> dict[str, Any]:
    """The metrics of a cell that is done, in the experiment in `folder`."""
    return read_json(cell_folder(folder, cell) / "metrics.json")


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
    whole = cell_folder(folder, cell.whole)
    with locked(whole, wait=30) if accelerator.is_main_process else nullcontext():
        sigma = nature_sigma(cell, split.train, options.source.sigma_range[1])
        model = _trained(cell, options, split, sigma, report, accelerator)
        sigmas = grid(cell, options.sampling.sampler_steps, options.source.sigma_range, sigma)
        write_samples(model, cell.seed, sigmas, options.sampling, cell_folder(folder, cell), report, accelerator)
        accelerator.wait_for_everyone()
        if audit is not None:
            report("audit", 0, 1)
            metrics = audit(load_samples(cell_folder(folder, cell)))
            steps = options.training.steps
            metrics["seconds"] = last_record(whole / "log.jsonl", "seconds")["seconds"] * (cell.stop or steps) / steps
            metrics["parameters"] = parameters(model.denoiser)
            if sigma is not None:
                metrics["sigma_nature"] = sigma
            write_json(cell_folder(folder, cell) / "metrics.json", metrics)
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
