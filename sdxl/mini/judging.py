"""Do guided samples show what was asked for? In the eyes of a classifier that was trained on real images.

Sample i is of class i mod 10, in the wordings in turn, drawn from noise that is a function of (seed, i). The classifier
(`ambient.metrics.convolutions`) is trained on CIFAR-10's training images, and how often it is right on the test images,
which neither it nor the model has seen, is what real images would reach. The Fréchet distance is between samples and
test images on its last features, beside that between as many training images and the test images.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ambient.audit.intervals import Count
from ambient.metrics.convolutions import ConvolutionalClassifier
from ambient.metrics.frechet import FeatureStatistics
from ambient.runs.files import is_to_be_made, load_tensors, save_tensors
from ambient.runs.identity import claim_folder
from ambient.runs.locks import locked
from ambient.runs.pictures import save_rows
from ambient.runs.results import write_results
from sdxl.components import Components
from sdxl.fingerprints import model_digests
from sdxl.loading import load
from sdxl.mini.autoencoder import errors
from sdxl.mini.captions import WORDINGS, caption
from sdxl.mini.images import Members, load_members
from sdxl.mini.options import JudgeMini
from sdxl.options import ModelOptions, Sampler
from sdxl.sampling import sample

EPOCHS = 20
"""Passes over the training images in which the classifier is trained."""


def judge(options: JudgeMini) -> str:
    """Draw samples, or go on with those of the folder, judge them and write `quality.json` and `samples.png`.

    Returns:
        The figures in a few lines.

    Raises:
        ValueError: If the model or the data cannot be used.
        ConfigMismatchError: If the folder holds the samples of another model or way of sampling.
    """
    options.check()
    members = load_members(options.data, None, options.seed)
    components = load(ModelOptions(model=str(options.model)))
    with locked(options.output):
        claim_folder(options.output, _identity(options, components, members))
        samples = torch.cat([*_samples(options, components, members.classes)])
        result = measured(samples, members, _classifier(options, members))
        result["vae"] = errors(components.pipeline.vae, members.test.images)
        result["sampling"] = {"scheduler": options.scheduler, "steps": options.steps, "guidance": options.guidance}
        write_results(options.output / "quality.json", result)
        rows = {name: samples[label :: len(members.classes)] for label, name in enumerate(members.classes)}
        save_rows(options.output / "samples.png", rows, 12)
    return told(result)


def measured(samples: Tensor, members: Members, classifier: ConvolutionalClassifier) -> dict[str, Any]:
    """The figures of samples (N, 3, 32, 32), sample i of class i mod 10, as JSON."""
    labels = torch.arange(len(samples)) % len(members.classes)
    real, real_labels = members.test.images, members.test_labels
    statistics = {
        name: FeatureStatistics.of(classifier(images), classifier.name)
        for name, images in {"samples": samples, "test": real, "train": members.images[_spread(members)]}.items()
    }
    return {
        "samples": len(samples),
        "agreement": _agreement(classifier, samples, labels),
        "agreement_by_class": _by_class(classifier, samples, labels, members.classes),
        "real_images": len(real),
        "real_agreement": _agreement(classifier, real, real_labels),
        "real_agreement_by_class": _by_class(classifier, real, real_labels, members.classes),
        "frechet_distance": statistics["samples"].frechet_distance(statistics["test"]),
        "frechet_distance_of_training_images": statistics["train"].frechet_distance(statistics["test"]),
        "features": classifier.name,
    }


def told(result: dict[str, Any]) -> str:
    """The figures in a few lines."""
    share, real = result["agreement"], result["real_agreement"]
    by_class = ", ".join(f"{name} {value:.0%}" for name, value in result["agreement_by_class"].items())
    how = result["sampling"]
    return (
        f"{share['share']:.1%} [{share['low']:.1%}, {share['high']:.1%}] of {result['samples']} samples are what was "
        f"asked for in the classifier's eyes (guidance {how['guidance']:g}, {how['steps']} steps of "
        f"{how['scheduler']}); of {result['real_images']} unseen real images it names {real['share']:.1%} right\n"
        f"By class: {by_class}\n"
        f"Fréchet distance to the test images on the {result['features']}'s features: "
        f"{result['frechet_distance']:.2f}; of training images {result['frechet_distance_of_training_images']:.2f}\n"
        f"RMSE of the VAE on the test images: {result['vae']['rmse']:.3f} where an image runs from -1 to 1"
    )


def _agreement(classifier: ConvolutionalClassifier, images: Tensor, labels: Tensor) -> dict[str, float]:
    count = Count(round(classifier.accuracy(images, labels) * len(labels)), len(labels))
    interval = count.interval()
    return {"share": count.share, "low": interval.low, "high": interval.high}


def _by_class(
    classifier: ConvolutionalClassifier, images: Tensor, labels: Tensor, classes: tuple[str, ...]
) -> dict[str, float]:
    """The share of each class that has images."""
    return {
        name: classifier.accuracy(images[labels == i], labels[labels == i])
        for i, name in enumerate(classes)
        if bool((labels == i).any())
    }


def _spread(members: Members) -> Tensor:
    """As many training images as there are test images, evenly spread."""
    return torch.linspace(0, len(members.index) - 1, min(len(members.index), len(members.test))).round().long()


def _classifier(options: JudgeMini, members: Members) -> ConvolutionalClassifier:
    path = options.output / "classifier.safetensors"
    is_to_be_made(path)
    return ConvolutionalClassifier(members.images, members.labels, path, EPOCHS, seed=options.seed)


def _samples(options: JudgeMini, components: Components, classes: tuple[str, ...]) -> Iterator[Tensor]:
    """The samples, batch by batch; a batch whose file is whole is not drawn again."""
    sampler = Sampler(options.scheduler, options.steps, options.guidance)
    for first in range(0, options.samples, options.batch):
        indices = range(first, min(first + options.batch, options.samples))
        path = options.output / "samples" / f"{first:06d}.safetensors"
        facts = {"images": f"{indices.start}-{indices.stop}"}
        if is_to_be_made(path, "images", metadata=facts):
            prompts = [prompt_of(i, classes) for i in indices]
            latents = sample(components, sampler, indices, prompts, components.resolution, options.seed)
            save_tensors(path, {"images": components.decode_latents(latents).clamp(-1, 1)}, facts)
        yield load_tensors(path, "images", metadata=facts)[0]["images"]


def prompt_of(index: int, classes: tuple[str, ...]) -> str:
    """The prompt of sample `index`: the classes in turn, and after all of them the next wording."""
    turn, label = divmod(index, len(classes))
    return caption(classes[label], WORDINGS[turn % len(WORDINGS)])


def _identity(options: JudgeMini, components: Components, members: Members) -> dict[str, Any]:
    return {
        "model": model_digests(components),
        "data": [members.data.fingerprint, members.test.fingerprint],
        "scheduler": options.scheduler,
        "steps": options.steps,
        "guidance": options.guidance,
        "epochs": EPOCHS,
        "batch": options.batch,
        "seed": options.seed,
    }
