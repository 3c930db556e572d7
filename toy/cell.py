"""One cell of an experiment: train a model, sample from it, audit the samples. Resumable at every stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from accelerate import Accelerator
from filelock import FileLock, Timeout
from torch import Tensor

from ambient import karras, memorization, quality
from ambient.denoisers import EDMDenoiser
from ambient.features import CentredPixels, ClassifierFeatures, Pixels
from ambient.files import read_records, save_tensors, write_json
from ambient.randomness import generator, permutation
from ambient.sampling import generate
from ambient.training import TrainingConfig, train
from toy.config import Cell, Options
from toy.data import Split, digits
from toy.methods import METHODS
from toy.networks import SmallUNet

SIGMA_MIN, SIGMA_MAX, SIGMA_DATA = 0.01, 20.0, 0.5
SAMPLERS: dict[str, karras.Sampler] = {
    "heun": karras.sample_heun,
    "euler": karras.sample_euler,
    "ancestral": karras.sample_euler_ancestral,
}

Report = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""


def run_cell(cell: Cell, options: Options, report: Report) -> dict[str, Any]:
    """Train, sample and audit one model, or take up what its folder holds.

    Args:
        cell: Which model.
        options: The options of the run.
        report: Told of the progress.

    Returns:
        The cell's metrics, as in its `metrics.json`.

    Raises:
        RuntimeError: If another process is at work on this cell.
    """
    folder = options.folder / "cells" / cell.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=30):
            return _run(cell, options, folder, report)
    except Timeout:
        raise RuntimeError(f"{folder} is in use by another process; wait for it, or choose another --output") from None


def _run(cell: Cell, options: Options, folder: Path, report: Report) -> dict[str, Any]:
    if (folder / "metrics.json").exists():
        return dict(json.loads((folder / "metrics.json").read_text()))
    split = digits(options.images, cell.seed)
    denoiser, centre = _train(cell, options, split, folder, report)
    samples = _sample(denoiser, centre, cell, options, folder / "samples.safetensors", report)
    report("audit", 0, 1)
    metrics = audit(samples, split, _features(options.images, cell.seed))
    metrics["seconds"] = read_records(folder / "log.jsonl")[-1]["seconds"]
    write_json(folder / "metrics.json", metrics)
    report("done", 1, 1)
    return metrics


def _train(cell: Cell, options: Options, split: Split, folder: Path, report: Report) -> tuple[EDMDenoiser, Tensor]:
    """The trained denoiser, of centred images, and their centre."""
    method = METHODS[cell.method]
    samples, centre = method.samples(split.train, split.index, cell.sigma_nature, cell.seed).centred()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", cell.seed).initial_seed())
        denoiser = EDMDenoiser(SmallUNet(split.train.shape[1]), SIGMA_DATA)
    config = TrainingConfig(
        steps=options.steps, batch=options.batch, learning_rate=options.learning_rate, seed=cell.seed
    )
    train(
        denoiser,
        method.objective(samples, SIGMA_DATA),
        samples,
        config,
        folder,
        identity={"network": "SmallUNet", "sigma_data": SIGMA_DATA},
        accelerator=Accelerator(cpu=options.device == "cpu"),
        progress=lambda images, _: report("train", images, options.steps * options.batch),
    )
    return denoiser, centre


def _sample(denoiser: EDMDenoiser, centre: Tensor, cell: Cell, options: Options, path: Path, report: Report) -> Tensor:
    """The generated images, from `path` if they are there."""
    if not path.exists():
        batches = generate(
            denoiser,
            range(options.samples),
            tuple(centre.shape),
            _grid(cell, options),
            seed=cell.seed,
            sampler=SAMPLERS[options.sampler],
            device=options.device,
            progress=lambda done: report("sample", done, options.samples),
        )
        save_tensors(path, {"images": torch.cat(list(batches)) + centre})
    return safetensors.torch.load_file(path)["images"]


def _grid(cell: Cell, options: Options) -> Tensor:
    sigmas = karras.karras_sigmas(options.sampler_steps, SIGMA_MIN, SIGMA_MAX)
    if METHODS[cell.method].stop and cell.sigma_nature is not None:
        return karras.truncate(sigmas, cell.sigma_nature)
    return sigmas


@cache
def _features(images: int, seed: int) -> ClassifierFeatures:
    return ClassifierFeatures(*digits(images, seed).classifier)


def audit(samples: Tensor, split: Split, classifier: ClassifierFeatures) -> dict[str, Any]:
    """Quality and memorisation of samples.

    Args:
        samples: Images (M, C, H, W).
        split: What the model was trained on, and what it is compared with.
        classifier: Features trained on neither.

    Returns:
        Fréchet distances on pixels and on classifier features, precision, recall, density and coverage on the latter,
        m13, S.95 on centred pixels, and P_tr.
    """
    pixels, centred = Pixels(), CentredPixels()
    manifold = quality.manifold_metrics(classifier(split.held_out), classifier(samples))
    others = split.held_out[permutation(len(split.held_out), "subset", len(split.train))[: len(split.train)]]
    similarity = memorization.similarities(centred(samples), centred(split.train))
    return {
        "frechet_pixels": quality.frechet_distance(pixels(samples), pixels(split.held_out)),
        "frechet_classifier": quality.frechet_distance(classifier(samples), classifier(split.held_out)),
        "precision": manifold.precision,
        "recall": manifold.recall,
        "density": manifold.density,
        "coverage": manifold.coverage,
        "m13": memorization.copies(pixels(samples), pixels(split.train)),
        "s95": memorization.share_above(similarity, 0.95),
        "p_train": memorization.train_proximity(pixels(samples), pixels(split.train), pixels(others)),
    }


def reference_rows(options: Options, seed: int) -> dict[str, dict[str, Any]]:
    """The audit of sets that need no model: exact copies of the training set, and unseen real images."""
    split = digits(options.images, seed)
    repeats = -(-options.samples // len(split.train))
    rows = {"exact copies of the training set": split.train.repeat(repeats, 1, 1, 1)[: options.samples]}
    if len(split.unseen) > 10:
        rows["unseen real images"] = split.unseen
    classifier = _features(options.images, seed)
    return {title: audit(images, split, classifier) for title, images in rows.items()}
