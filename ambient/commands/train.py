"""`python -m ambient train SOURCE --noise SIGMA --output RUN`: from a folder of images, as they are, to a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ambient.commands.output import check_output
from ambient.commands.source import Source
from ambient.models.names import MethodName, NetworkName
from ambient.noise.units import noise_in_words, parse_level, parse_poisson
from ambient.runs.device import check_device_name

if TYPE_CHECKING:
    from torch import Tensor

    from ambient.models.model import Model
    from ambient.noise import PoissonGaussian
    from ambient.training import Callback

GRID = 64
"""Images in a grid of samples."""
OPTIONS = "options.json"
"""What a run was asked for, in its folder; `--config` takes it."""


@dataclass(frozen=True)
class Train:
    """Train a model on images as they are: noisy files are noisy already, and nothing is added to them.

    Interrupted? Run the same command again: it goes on where it was.
    """

    source: Source
    output: Path
    """Folder of the run: model/, training/, grids of samples, and options.json."""
    noise: str | None = None
    """Noise level of the files: 0.3 in [-1, 1] units, 8bit:25 in grey levels of 255, "estimate", or 0 for clean.
    Photons: poisson:GAIN or poisson:GAIN:SIGMA, variance GAIN (x + 1) + SIGMA^2; or poisson:8bit:GAIN:SIGMA."""
    noise_column: str | None = None
    """Field of metadata.jsonl or metadata.csv with the level of each image, in the same units."""
    method: MethodName = "auto"
    """auto: recommended where all images are noisy, ambient where some are clean, algorithm-1 where all are."""
    sigma_nature: float = 0.2
    """Of algorithm-1: the level of the one noisy copy of each clean image."""
    network: NetworkName = "small"
    """Network, by number of parameters."""
    crop: int | None = None
    """Train on random square pieces of this side, for larger images and images of several sizes."""
    classes: bool = False
    """A class-conditional model: the classes are those of the source."""
    steps: int = 2000
    """Updates."""
    batch: int = 64
    """Images an update."""
    learning_rate: float | None = None
    """Peak learning rate of Adam; the network's own if not given, a quarter of it for images larger than 16 pixels."""
    dropout: float | None = None
    """Of the network; .3 for the method dropout if not given."""
    augment: float = 0.0
    """Chance of each lossless augmentation (EDM: .12)."""
    seed: int = 0
    """Decides everything that is random."""
    precision: Literal["no", "bf16"] = "no"
    """Mixed precision."""
    device: str = "cpu"
    """cpu, cuda, cuda:N or mps."""
    grid_every: int = 500
    """Updates between grids of samples."""
    report: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = field(default=())
    """Trackers that also get the log; their packages must be installed."""
    config: Path | None = None
    """YAML or JSON file of these options by name; what is given on the command line wins."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        check_device_name(self.device)
        check_output(self.output, "training", "model", "ambient")  # the last one is the trackers'
        if (self.noise is None) == (self.noise_column is None):
            raise ValueError(
                "say how noisy the files are: --noise SIGMA (0 for clean), --noise estimate, or --noise-column FIELD"
            )
        _check_noise(self.noise)
        for name in ("steps", "batch", "grid_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} {getattr(self, name)}: at least 1")
        if self.crop is not None and self.crop < 4:
            raise ValueError(f"--crop {self.crop}: at least 4")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")
        if not 0 <= self.augment <= 1:
            raise ValueError(f"--augment {self.augment:g}: a chance, between 0 and 1")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ValueError(f"--dropout {self.dropout:g}: a share, 0 or more and below 1")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise ValueError(f"--learning-rate {self.learning_rate}: must be positive")
        if self.method in ("auto", "recommended") and self.batch % 16:
            raise ValueError(f"--batch {self.batch}: the recommended recipe needs a multiple of 16")


def _check_noise(noise: str | None) -> None:
    if noise not in (None, "estimate") and parse_poisson(str(noise)) is None:
        parse_level(str(noise))


def run(options: Train) -> None:
    """Read, train, and say where everything is."""
    import torch

    from ambient.commands.devices import accelerator_of
    from ambient.commands.levels import noise_of
    from ambient.commands.reading import read_alike, read_larger
    from ambient.models.fitting import Recipe, choose_method, fit
    from ambient.runs import option_files
    from ambient.runs.files import write_json

    if options.config is not None:
        print(f"config {option_files.in_words(options.config)}")
    images = (
        read_alike(options.source, labels=options.classes)
        if options.crop is None
        else read_larger(options.source, options.crop, labels=options.classes)
    )
    sigma = noise_of(images, options.noise, options.noise_column)
    method = choose_method(options.method, sigma if isinstance(sigma, torch.Tensor) else torch.ones(len(images)))
    pieces = "" if options.crop is None else f", in pieces of {options.crop}x{options.crop}"
    print(f"{images}{pieces}; {_in_words(sigma)}; method {method}")
    accelerator = accelerator_of(options.device, options.precision, options.report, options.output)
    recipe = Recipe(
        method=method,
        network=options.network,
        steps=options.steps,
        batch=options.batch,
        learning_rate=options.learning_rate,
        sigma_nature=options.sigma_nature,
        dropout=options.dropout,
        augment=options.augment,
        seed=options.seed,
        crop=options.crop,
    )
    model = fit(
        images.pixels,
        sigma,
        options.output,
        recipe,
        labels=images.labels if options.classes else None,
        classes=images.classes if options.classes else (),
        accelerator=accelerator,
        callbacks=lambda model: [_grids(model, options)],
    )
    accelerator.end_training()
    if accelerator.is_main_process:
        _save_grid(model, options.output / "samples.png", options.seed)
        write_json(options.output / OPTIONS, option_files.as_record(options))
        if clipping := model.facts.get("clipping"):
            print(f"clipping: {clipping}, since no method here holds for noise that is cut off")
        print(f"Next: python -m ambient sample {options.output} --output SAMPLES --samples 64")
        print(f"Results: {options.output}  (model/, training/log.jsonl, samples.png)")


def _grids(model: Model, options: Train) -> Callback:
    from ambient.training import Callback

    def draw(_: object, step: int) -> None:
        if step < options.steps:
            _save_grid(model, options.output / "grids" / f"step-{step:07d}.png", options.seed)

    return Callback(options.grid_every, draw)


def _save_grid(model: Model, path: Path, seed: int) -> None:
    import torch

    from ambient.runs.pictures import grid, save_png

    save_png(path, grid(torch.cat(list(model.sample(GRID, seed=seed)))))


def _in_words(noise: Tensor | PoissonGaussian) -> str:
    from ambient.noise import PoissonGaussian

    if isinstance(noise, PoissonGaussian):
        return f"noise {noise_in_words(noise.gain, noise.std)}"
    low, high = float(noise.min()), float(noise.max())
    if high == 0:
        return "clean"
    return f"noise {low:g}" if low == high else f"noise {low:g} to {high:g}"
