r"""From images as they are to a model: the method, its objective, the estimates that it needs, and the run.

The files are taken as they are: noisy images are noisy already, and nothing is added to them, but for what the limits
of their files cut off the noise (`ambient.noise.tails`), since no formula here holds for clipped noise. All that is
known of the clean images comes from the noisy ones, about their mean c = E X_n,

    sigma_data^2 = E |X_n - c|^2 / d - E sigma_n^2.

Where levels differ from image to image, each image trains the levels above its own (Ambient Omni), and clean images all
of them. Where all are noisy, the recommended recipe carries E[X_0 | X_t] below the noise. For clean images that are few
or sensitive, Algorithm 1 of P2 adds noise to one fixed copy of each, at a nature level of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from ambient.data import Samples
from ambient.data.noisy_copy import noisy_copy
from ambient.models.folder import FOLDER
from ambient.models.model import Model
from ambient.models.names import LEARNING_RATES, MethodName, NetworkName
from ambient.models.networks import parameters
from ambient.models.spectrum import SpectralDenoiser
from ambient.noise.clipping import Limits, find_limits
from ambient.noise.tails import with_tails
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

CLEAN = 0.002
"""Below this level an image counts as clean: a quarter of a grey level of 255."""


@dataclass(frozen=True)
class Recipe:
    """How a model is made, besides its data.

    Attributes:
        method: See `ambient.models.card`; "auto" is "recommended" where all images are noisy, "ambient" where some are
            clean, and "algorithm-1" where all are.
        network: Name of the network.
        steps: Updates.
        batch: Images an update; a multiple of 16 for "recommended".
        learning_rate: Peak; the network's own if None.
        sigma_nature: Of "algorithm-1": the level of the fixed noisy copy, > 0.
        dropout: Of the network; 0.3 for the method "dropout" if not given.
        augment: Chance of each lossless augmentation (EDM: .12); 0 for none.
        spectral: Whether the network starts from the Wiener filter of the images' spectrum (`ambient.models.spectrum`);
            None: where images are noisy.
        seed: Of everything.
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
    images: Tensor,
    sigma: float | Tensor,
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
        images: (N, C, H, W) in [-1, 1] units; noisy images may exceed the interval.
        sigma: Their noise level in the same units, one for all or (N,); 0 for clean images.
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
    levels = _checked(images, sigma, labels, classes)
    method = choose_method(recipe.method, levels)
    limits = _limits(images, levels)
    images = _unclipped(images.float(), levels, limits, recipe.seed)
    samples, centre = _samples(images, levels, method, recipe, labels if classes else None)
    sigma_data = sigma_data_of(samples)
    model = _untrained(images, levels, method, recipe, sigma_data, classes, limits)
    model.centre.copy_(centre)
    if isinstance(model.denoiser, SpectralDenoiser):
        model.denoiser.learn(samples.x, samples.nature.sigma)
    config = TrainingConfig(
        steps=recipe.steps,
        batch=recipe.batch,
        learning_rate=LEARNING_RATES[recipe.network] if recipe.learning_rate is None else recipe.learning_rate,
        warmup=min(200, recipe.steps // 10),
        seed=recipe.seed,
        log_every=min(50, steps_a_checkpoint),
        checkpoint_every=steps_a_checkpoint,
    )
    train(
        model.denoiser,
        objective_of(method, samples, sigma_data, recipe),
        samples,
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
    model.facts = {
        "training images": len(images),
        "levels of the images": _levels_in_words(levels),
        "updates": f"{recipe.steps} of {recipe.batch} images",
        "network": f"{recipe.network}, {parameters(model.denoiser):,} parameters",
    }
    if limits.clipped:
        share = limits.low_share * (limits.low is not None) + limits.high_share * (limits.high is not None)
        model.facts["clipping"] = (
            f"{share:.1%} of the noisy pixels lay at a limit of their files, and were given its tail"
        )
    if accelerator is None or accelerator.is_main_process:
        model.save_pretrained(output / FOLDER)
    return model.eval()


def objective_of(method: MethodName, samples: Samples, sigma_data: float, recipe: Recipe) -> Objective:
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


def sigma_data_of(samples: Samples) -> float:
    """Standard deviation of the clean images about their mean, from the samples about theirs.

    Raises:
        ValueError: If they vary less than their noise alone would: then the levels are too high for them.
    """
    if samples.clean is not None:
        return float(samples.clean.double().square().mean().sqrt())
    noise = float(samples.nature.sigma.double().square().mean())
    variance = float(samples.x.double().square().mean()) - noise
    if not variance > 0:
        raise ValueError(
            f"the images vary by {variance + noise:.4g} (variance), no more than noise of the level given would alone "
            f"({noise:.4g}): the level is too high for them"
        )
    return float(variance**0.5)


def _checked(images: Tensor, sigma: float | Tensor, labels: Tensor | None, classes: Sequence[str]) -> Tensor:
    """The level of each image, (N,)."""
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ValueError(f"square images (N, C, H, H) are needed, not {tuple(images.shape)}")
    if len(images) < 2:
        raise ValueError(f"{len(images)} image: a model needs at least 2, and hundreds to be of use")
    if not bool(images.isfinite().all()):
        row = int((~images.flatten(1).isfinite().all(1)).nonzero()[0])
        raise ValueError(f"image {row} has values that are not numbers")
    levels = torch.as_tensor(sigma, dtype=torch.float64).cpu()
    if levels.ndim > 1 or (levels.ndim == 1 and len(levels) != len(images)):
        raise ValueError(f"{len(images)} images need one level or {len(images)}, not {tuple(levels.shape)}")
    levels = levels.expand(len(images)).clone()
    if not bool(((levels >= 0) & levels.isfinite()).all()):
        raise ValueError("a noise level is 0 or more, and finite")
    if classes and (labels is None or len(labels) != len(images)):
        raise ValueError(f"{len(classes)} classes, but no class for each of the {len(images)} images")
    return torch.where(levels < CLEAN, 0.0, levels)


def _limits(images: Tensor, levels: Tensor) -> Limits:
    """Where the files of the noisy images clipped their noise."""
    noisy = images[levels > 0]
    return find_limits(noisy) if len(noisy) else Limits(None, None, 0.0, 0.0)


def _unclipped(images: Tensor, levels: Tensor, limits: Limits, seed: int) -> Tensor:
    """The images with what clipping cut off the noise drawn anew, about what their Wiener filter restores."""
    rows = (levels > 0).nonzero()[:, 0]
    if not limits.clipped:
        return images
    sigma = levels[rows]

    def restored(x: Tensor) -> Tensor:
        centre = x.mean(0)
        filtered = SpectralDenoiser(nn.Identity(), x.shape[1], x.shape[2])
        filtered.learn(x - centre, sigma)
        parts = zip((x - centre).split(1024), sigma.split(1024), strict=True)
        return centre + torch.cat([filtered.linear(part, own) for part, own in parts])

    whole = images.clone()
    whole[rows] = with_tails(images[rows], sigma, limits, restored, draws=generator("tails", seed))
    return whole


def _samples(
    images: Tensor, levels: Tensor, method: MethodName, recipe: Recipe, labels: Tensor | None
) -> tuple[Samples, Tensor]:
    """The samples about their mean image, and that mean."""
    centre = images.mean(0)
    x, index = images.float() - centre, torch.arange(len(images))
    condition = {} if labels is None else {"label": labels}
    if method == "algorithm-1":
        if not recipe.sigma_nature > 0:
            raise ValueError(f"--sigma-nature {recipe.sigma_nature:g}: Algorithm 1 needs a level above 0 (try 0.2)")
        nature = VE().level(recipe.sigma_nature)
        return Samples(noisy_copy(x, nature, recipe.seed, index), nature, index, x, condition), centre
    alike = bool((levels == levels[0]).all())
    nature = VE().level(float(levels[0]) if alike else levels)
    return Samples(x, nature, index, None, condition), centre


def _untrained(
    images: Tensor,
    levels: Tensor,
    method: MethodName,
    recipe: Recipe,
    sigma_data: float,
    classes: Sequence[str],
    limits: Limits,
) -> Model:
    typical = float(levels.median())
    stops = {"early-stop": typical, "recommended": typical / 2}
    spectral = bool((levels > 0).any()) if recipe.spectral is None else recipe.spectral
    default = 0.3 if method == "dropout" else 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", recipe.seed).initial_seed())
        return Model(
            recipe.network,
            images.shape[1],
            images.shape[2],
            sigma_data=sigma_data,
            nature=typical,
            method=method,
            stop=stops.get(method, 0.0),
            classes=tuple(classes),
            augmented=recipe.augment > 0,
            dropout=default if recipe.dropout is None else recipe.dropout,
            spectral=spectral,
            limits=(limits.low, limits.high),
        )


def _levels_in_words(levels: Tensor) -> str:
    low, high = float(levels.min()), float(levels.max())
    if low == high:
        return f"{low:g} ({low * 127.5:.3g} of 255)"
    clean = int((levels == 0).sum())
    return f"{low:g} to {high:g}" + (f", {clean} of {len(levels)} clean" if clean else "")
