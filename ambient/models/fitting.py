r"""From images as they are to a model: the method, its objective, the estimates that it needs, and the run.

The files are taken as they are: noisy images are noisy already, and nothing is added to them (`preparing`) but what the
limits of their files cut off the noise (`unclipping`): no formula here holds for noise that is clipped.

Where levels differ from image to image, each image trains the levels above its own (Ambient Omni), and clean images all
of them. Where all are noisy, the recommended recipe carries E[X_0 | X_t] below the noise. For clean images that are few
or sensitive, Algorithm 1 of P2 adds noise to one fixed copy of each, at a nature level of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from ambient.data import Crops, Samples, in_memory
from ambient.models.folder import FOLDER
from ambient.models.model import Model
from ambient.models.names import LEARNING_RATES, MethodName, NetworkName
from ambient.models.networks import parameters
from ambient.models.preparing import CLEAN, PIECES, Images, Prepared, checked_levels, prepare, whitened
from ambient.models.spectrum import SpectralDenoiser
from ambient.models.unclipping import NO_LIMITS, unclipped
from ambient.noise import PoissonGaussian
from ambient.noise.clipping import Limits
from ambient.noise.units import noise_in_words
from ambient.objectives import (
    AmbientScoreMatching,
    Augmented,
    DenoisingScoreMatching,
    EDMWeight,
    Hybrid,
    Objective,
    paper_consistency,
    recommended,
)
from ambient.objectives.wrappers import Seeded
from ambient.process import VE, VP
from ambient.randomness import generator
from ambient.training import Callback, TrainingConfig, train


@dataclass(frozen=True)
class Recipe:
    """How a model is made, besides its data.

    Attributes:
        method: See `ambient.models.card`; "auto" is "recommended" where all images are noisy, "ambient" where some are
            clean, and "algorithm-1" where all are.
        network: Name of the network.
        steps: Updates.
        batch: Images an update; a multiple of 16 for "recommended".
        learning_rate: Peak; the network's own if None, and a quarter of it for images larger than 16 pixels.
        sigma_nature: Of "algorithm-1": the level of the fixed noisy copy, > 0.
        dropout: Of the network; 0.3 for the method "dropout" if not given.
        augment: Chance of each lossless augmentation (EDM: .12); 0 for none.
        spectral: Whether the network starts from the Wiener filter of the images' spectrum (`ambient.models.spectrum`);
            None: where images are noisy.
        seed: Of everything.
        crop: Side of the square pieces that are trained on, for larger images, or images of several sizes; None trains
            on whole images.
    """

    method: MethodName = "auto"
    network: NetworkName = "small"
    steps: int = 2000
    batch: int = 64
    learning_rate: float | None = None
    sigma_nature: float = 0.2
    dropout: float | None = None
    augment: float = 0.0
    spectral: bool | None = None
    seed: int = 0
    crop: int | None = None


def choose_method(method: MethodName, sigma: Tensor) -> MethodName:
    """The method for images of the levels `sigma`, (N,).

    Raises:
        ValueError: If the method that was asked for does not fit them.
    """
    noisy = sigma >= CLEAN
    if method == "auto":
        return "algorithm-1" if not bool(noisy.any()) else "recommended" if bool(noisy.all()) else "ambient"
    if method in ("algorithm-1", "dropout", "dsm") and bool(noisy.any()):
        raise ValueError(
            f"--method {method} is for clean images, and {int(noisy.sum())} of {len(sigma)} are noisy: it would learn "
            "their noise. Choose recommended, ambient, early-stop or paper"
        )
    if method in ("recommended", "early-stop", "paper") and not bool(noisy.all()):
        raise ValueError(
            f"--method {method} needs noisy images, and {int((~noisy).sum())} of {len(sigma)} are clean: choose "
            "ambient, which takes both, or for clean images algorithm-1, dropout or dsm"
        )
    return method


def fit(
    images: Images,
    sigma: float | Tensor | PoissonGaussian,
    output: Path,
    recipe: Recipe | None = None,
    *,
    labels: Tensor | None = None,
    classes: Sequence[str] = (),
    accelerator: Accelerator | None = None,
    progress: Callable[[int, float], None] | None = None,
    callbacks: Callable[[Model], Sequence[Callback]] | None = None,
    steps_a_checkpoint: int = 200,
) -> Model:
    """Train a model on images as they are, or go on with the run in `output`, and save it in `output/model`.

    Args:
        images: (N, C, H, W) in [-1, 1] units; noisy images may exceed the interval. With `recipe.crop` also a list of
            (C, H, W) of any sizes.
        sigma: Their noise level in the same units, one for all or (N,); 0 for clean images. Or their Poisson-Gaussian
            noise: then the model lives in the units of `ambient.noise.Stabilised`, and inverts them.
        output: Folder of the run; run the same call again to go on.
        recipe: How; `Recipe()` by default.
        labels: Classes of the images, (N,) int64; they make a class-conditional model.
        classes: Names of the classes.
        accelerator: Device, processes, trackers.
        progress: Called with (images seen, loss).
        callbacks: Given the model, what is called as it is trained, such as grids of samples.
        steps_a_checkpoint: Updates between checkpoints.

    Raises:
        ValueError: If images, levels, classes and method do not fit together, naming what to do.
        ConfigMismatchError: If the folder holds another run, naming the fields.
    """
    recipe = recipe or Recipe()
    poisson = sigma if isinstance(sigma, PoissonGaussian) else None
    if isinstance(sigma, PoissonGaussian):
        images, sigma = whitened(images, sigma)
    levels = checked_levels(images, sigma, labels, classes, recipe.crop)
    method = choose_method(recipe.method, levels)
    limits = NO_LIMITS
    if poisson is None:
        images, limits = unclipped(images, levels, recipe.crop or images[0].shape[1], recipe.seed)
    prepared = prepare(
        images,
        levels,
        method,
        sigma_nature=recipe.sigma_nature,
        seed=recipe.seed,
        crop=recipe.crop,
        labels=labels if classes else None,
    )
    model = _untrained(prepared, levels, method, recipe, classes, poisson, limits)
    if isinstance(model.denoiser, SpectralDenoiser):
        known = in_memory(prepared.data, PIECES)
        model.denoiser.learn(known.x, known.nature.sigma)
    config = TrainingConfig(
        steps=recipe.steps,
        batch=recipe.batch,
        learning_rate=learning_rate_of(recipe, prepared.centre.shape[-1]),
        warmup=min(200, recipe.steps // 10),
        seed=recipe.seed,
        log_every=min(50, steps_a_checkpoint),
        checkpoint_every=steps_a_checkpoint,
    )
    sigma_data = prepared.sigma_data
    train(
        model.denoiser,
        objective_of(method, prepared.data, sigma_data, recipe),
        prepared.data,
        config,
        output / "training",
        identity={
            "network": recipe.network,
            "sigma_data": sigma_data,
            "method": method,
            "augment": recipe.augment,
            "spectral": isinstance(model.denoiser, SpectralDenoiser),
        },
        accelerator=accelerator,
        progress=progress,
        callbacks=callbacks(model) if callbacks else (),
    )
    law = None if poisson is None else noise_in_words(poisson.gain, poisson.std)
    pieces = f", in pieces of {recipe.crop}x{recipe.crop}" if recipe.crop else ""
    model.facts = {
        "training images": f"{len(images)}{pieces}",
        "levels of the images": law or _levels_in_words(levels),
        "updates": f"{recipe.steps} of {recipe.batch} images",
        "network": f"{recipe.network}, {parameters(model.denoiser):,} parameters",
    }
    if limits.clipped:
        share = limits.low_share * (limits.low is not None) + limits.high_share * (limits.high is not None)
        model.facts["clipping"] = f"{share:.1%} of the noisy pixels lay at a limit of their files: tails drawn anew"
    if accelerator is None or accelerator.is_main_process:
        model.save_pretrained(output / FOLDER)
    return model.eval()


def learning_rate_of(recipe: Recipe, side: int) -> float:
    """The peak rate for images of `side` pixels: at 32 the small network diverged on CIFAR-10 at 4e-3, once at 2e-3."""
    if recipe.learning_rate is not None:
        return recipe.learning_rate
    return LEARNING_RATES[recipe.network] / (4 if side > 16 else 1)


def objective_of(method: MethodName, samples: Samples | Crops, sigma_data: float, recipe: Recipe) -> Objective:
    """The objective of a method on these samples."""
    weight = EDMWeight(sigma_data)
    ambient = AmbientScoreMatching(weight=weight)
    typical = VE().level(float(samples.nature.sigma.median()))
    objectives: dict[MethodName, Callable[[], Objective]] = {
        "recommended": lambda: recommended(typical, sigma_data),
        "ambient": lambda: ambient,
        "early-stop": lambda: ambient,
        "paper": lambda: ambient + paper_consistency(VP(), t_max=0.999, weight=weight),
        "algorithm-1": lambda: Hybrid(weight=weight),
        "dropout": lambda: Seeded(DenoisingScoreMatching(weight=weight)),
        "dsm": lambda: DenoisingScoreMatching(weight=weight),
    }
    found = objectives[method]()
    return Augmented(found, recipe.augment) if recipe.augment else found


def _untrained(
    prepared: Prepared,
    levels: Tensor,
    method: MethodName,
    recipe: Recipe,
    classes: Sequence[str],
    poisson: PoissonGaussian | None,
    limits: Limits,
) -> Model:
    typical = float(levels.median())
    stops = {"early-stop": typical, "recommended": typical / 2}
    spectral = bool((levels > 0).any()) if recipe.spectral is None else recipe.spectral
    default = 0.3 if method == "dropout" else 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", recipe.seed).initial_seed())
        model = Model(
            recipe.network,
            prepared.centre.shape[0],
            prepared.centre.shape[1],
            sigma_data=prepared.sigma_data,
            nature=typical,
            method=method,
            stop=stops.get(method, 0.0),
            classes=tuple(classes),
            augmented=recipe.augment > 0,
            dropout=default if recipe.dropout is None else recipe.dropout,
            poisson=None if poisson is None else asdict(poisson),
            spectral=spectral,
            limits=(limits.low, limits.high),
        )
    model.centre.copy_(prepared.centre)
    return model


def _levels_in_words(levels: Tensor) -> str:
    low, high = float(levels.min()), float(levels.max())
    if low == high:
        return f"{low:g} ({low * 127.5:.3g} of 255)"
    clean = int((levels == 0).sum())
    return f"{low:g} to {high:g}" + (f", {clean} of {len(levels)} clean" if clean else "")
