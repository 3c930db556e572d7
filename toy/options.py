"""The options of `toy/run.py`, grouped by subject; on the command line they stand side by side.

Nothing heavy is imported here: `--help` and a mistyped option are answered before torch is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from ambient.data.images.options import SetOptions
from ambient.models.names import LEARNING_RATES, NetworkName, SamplerName
from ambient.runs.device import check_device_name
from toy.contents import contents, located
from toy.methods import METHODS
from toy.names import (
    DIGITS_TO_TRAIN_ON,
    LABELLED,
    DataName,
    FeatureName,
    MethodName,
    Precision,
    Sigma,
)


@dataclass(frozen=True)
class SourceOptions(SetOptions):
    """Where the images come from."""

    data: DataName = "digits"
    """The images; digits is embedded, images is any folder, zip or Hugging Face data set."""
    source: str | None = None
    """Where they are: archive, folder or Hugging Face id."""
    revision: str | None = None
    """Commit of a Hugging Face id."""
    resolution: int | None = None
    """Side to reduce them to."""
    greyscale: bool = False
    """Drop colour."""
    classes: bool = False
    """Class-conditional networks."""
    skip_bad: bool = False
    """Leave out files that cannot be used, not refuse the data."""

    @property
    def labelled(self) -> bool:
        """Whether class labels are read."""
        return self.data in LABELLED or self.classes

    @property
    def sigma_range(self) -> tuple[float, float]:
        """Smallest and largest level of the sampling grid: EDM's, but for digits."""
        return (0.01, 20.0) if self.data == "digits" else (0.002, 80.0)

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        if self.data == "digits":
            for name in ("source", "resolution", "revision"):
                _require(getattr(self, name) is None, f"--{name}: digits has none; name the images with --data")
            _require(not self.greyscale, "--greyscale: digits are grey")
        else:
            _require(
                self.source is not None,
                f"--source: say where {self.data} is: an archive, a folder, or a Hugging Face id with --revision",
            )
        _require(self.resolution is None or self.resolution >= 4, f"--resolution {self.resolution}: at least 4")


@dataclass(frozen=True)
class SweepOptions:
    """What is compared: a model for each combination."""

    methods: tuple[MethodName, ...] = ("dsm", "hybrid")
    """What to compare."""
    images: tuple[int, ...] = (100,)
    """Training images."""
    sigma_nature: tuple[Sigma, ...] = (0.4,)
    """Nature levels; auto: where the set's memorisation collapses."""
    sigma_controls: tuple[Sigma, ...] = ()
    """Nature levels of the controls weight and redrawn, and of ambient; all if not given."""
    seeds: tuple[int, ...] = (0,)
    """Splits; each has its own images, noise and network."""
    stops: tuple[int, ...] = ()
    """Also audit DSM as it was after so many steps."""

    def check(self, most: float) -> None:
        """Raises ValueError, naming the option, for values that cannot work; levels lie below `most`."""
        for name in (*AXES, "stops"):
            values = getattr(self, name)
            option = "--" + name.replace("_", "-")
            _require(len(values) > 0 or name in ("sigma_controls", "stops"), f"{option}: name at least one")
            _require(len(set(values)) == len(values), f"{option} {' '.join(map(str, values))}: one is named twice")
        for name in ("sigma_nature", "sigma_controls"):
            option = "--" + name.replace("_", "-")
            for sigma in getattr(self, name):
                if sigma != "auto":
                    message = f"{option} {sigma:g}: a nature level lies between 0 and {most:g} (try 0.4)"
                    _require(0 < sigma < most, message)
        for n in self.images:
            _require(n >= 2, f"--images {n}: at least 2")
        _require(all(seed >= 0 for seed in self.seeds), "--seeds: a seed is 0 or more")
        _require("dsm" in self.methods or not self.stops, "--stops: looks at dsm, which --methods does not name")
        controls = [name for name, method in METHODS.items() if method.control]
        used = not self.sigma_controls or any(name in controls for name in self.methods)
        _require(used, f"--sigma-controls: is of {', '.join(controls)}, and --methods names none of them")


@dataclass(frozen=True)
class TrainingOptions:
    """How each model is trained."""

    hidden: float = 0.5
    """Share of the pixels that masking hides."""
    dropout: float = 0.3
    """Dropout of the method of that name."""
    network: NetworkName = "small"
    """Network, by number of parameters."""
    augment: float = 0.0
    """Chance of each lossless augmentation (EDM: .12)."""
    steps: int = 2000
    """Training steps."""
    batch: int = 64
    """Images a training step."""
    learning_rate: float | None = None
    """Peak learning rate of Adam; by network if not given."""
    weight_decay: float = 0.0
    """Decoupled weight decay (P2: .01)."""
    accumulation: int = 1
    """Parts of a training step, to save memory."""
    precision: Precision = "no"
    """Mixed precision."""

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate, whether given or the network's own."""
        return LEARNING_RATES[self.network] if self.learning_rate is None else self.learning_rate

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        for name in ("steps", "batch", "accumulation"):
            _require(getattr(self, name) >= 1, f"--{name} {getattr(self, name)}: at least 1")
        for name in ("hidden", "dropout"):
            value = getattr(self, name)
            _require(0 < value < 1, f"--{name} {value:g}: a share between 0 and 1")
        _require(0 <= self.augment <= 1, f"--augment {self.augment:g}: a chance, between 0 and 1")
        _require(self.peak_learning_rate > 0, f"--learning-rate {self.learning_rate}: must be positive")
        _require(self.weight_decay >= 0, f"--weight-decay {self.weight_decay:g}: not negative")


@dataclass(frozen=True)
class SamplingOptions:
    """What is generated with each model."""

    samples: int = 1000
    """Images to generate with each model."""
    sampler: SamplerName = "heun"
    """How to sample."""
    sampler_steps: int = 18
    """Levels of the sampling grid."""

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        _require(self.samples >= 10, f"--samples {self.samples}: the metrics need at least 10")
        _require(self.sampler_steps >= 2, f"--sampler-steps {self.sampler_steps}: at least 2")


@dataclass(frozen=True)
class MeasuringOptions:
    """What the samples are measured by."""

    features: tuple[FeatureName, ...] = ()
    """What distances are measured in; pixels and classifier (random without labels) if not given."""
    inception: Path | None = None
    """Inception's TorchScript file, for FID."""
    fid_reference: Path | None = None
    """EDM's .npz of the statistics to take FID to; else the held-out images."""
    dinov2: str = "facebook/dinov2-giant"
    """DINOv2: folder or hub id."""
    clip: str = "openai/clip-vit-large-patch14"
    """CLIP: folder or hub id."""

    def names(self, labelled: bool) -> tuple[FeatureName, ...]:
        """What distances are measured in, given or by default."""
        if self.features:
            return self.features
        return ("pixels", "classifier") if labelled else ("pixels", "random")


@dataclass(frozen=True)
class PlaceOptions:
    """Where and how fast it runs, and what is let pass, which decides no result."""

    compile: bool = False
    """Compile the network."""
    download: bool = False
    """Allow downloads of networks."""
    device: str = "cpu"
    """cpu, cuda or cuda:N."""
    workers: int = 0
    """Models trained at a time; 0: one for each core, or one on a GPU."""
    allow_noisy: bool = False
    """Take images as clean even if they look noisy."""
    output: Path | None = None
    """Folder of the results; runs/<data>-<key of the options> if not given."""

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        _require(self.workers >= 0, f"--workers {self.workers}: 0 or more")
        free = self.output is None or self.output.is_dir() or not self.output.exists()
        _require(free, f"--output {self.output}: is there, and no folder")
        check_device_name(self.device)

    def processes(self, models: int) -> int:
        """How many of `models` are trained at a time."""
        default = (os.cpu_count() or 1) if self.device == "cpu" else 1
        return max(1, min(self.workers or default, models))


AXES = tuple(axis.name for axis in dataclasses.fields(SweepOptions) if axis.name != "stops")
"""The options that a sweep runs over: a run may be given more of them later, and keeps the cells that it has."""
_OF_EACH_RUN = (*AXES, "samples", "accumulation", "source", "revision")
"""What may differ from run to run of one experiment: more of the sweep, more samples, what changes no number, and where
the images are, since the list of the training images tells which they are."""
_NETWORKS: tuple[tuple[str, tuple[FeatureName, ...]], ...] = (
    ("inception", ("inception",)),
    ("fid_reference", ("inception",)),
    ("dinov2", ("dinov2-p2", "dinov2-p1")),
    ("clip", ("clip",)),
)
"""Options that say where something is, and the features that it is for."""


_IN_ONE_LIST = tyro.conf.arg(name="")
"""Shows the options of a group among all others, so that `--help` is one screen."""


@tyro.conf.configure(tyro.conf.DisallowNone)
@dataclass(frozen=True)
class ToyOptions:
    """Train, sample and audit small diffusion models on real images.

    Interrupted? Run the same command again: it goes on where it was.
    """

    source: Annotated[SourceOptions, _IN_ONE_LIST] = field(default_factory=SourceOptions)
    sweep: Annotated[SweepOptions, _IN_ONE_LIST] = field(default_factory=SweepOptions)
    training: Annotated[TrainingOptions, _IN_ONE_LIST] = field(default_factory=TrainingOptions)
    sampling: Annotated[SamplingOptions, _IN_ONE_LIST] = field(default_factory=SamplingOptions)
    measuring: Annotated[MeasuringOptions, _IN_ONE_LIST] = field(default_factory=MeasuringOptions)
    place: Annotated[PlaceOptions, _IN_ONE_LIST] = field(default_factory=PlaceOptions)

    def check(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: Naming the option, what is wrong with it, and what to do.
        """
        self.source.check()
        self.sweep.check(self.source.sigma_range[1])
        self.training.check()
        self.sampling.check()
        self.place.check()
        steps, batch = self.training.steps, self.training.batch
        for n in self.sweep.images:
            fine = n <= DIGITS_TO_TRAIN_ON or self.source.data != "digits"
            _require(fine, f"--images {n}: digits has 2 to {DIGITS_TO_TRAIN_ON} to train on")
        for method in self.sweep.methods:
            multiple = METHODS[method].multiple
            _require(batch % multiple == 0, f"--batch {batch}: {method} needs a multiple of {multiple}")
        for stop in self.sweep.stops:
            _require(0 < stop < steps, f"--stops {stop}: must lie between 0 and --steps {steps}")
        features = self.measuring.features
        known = "classifier" not in features or self.source.labelled
        _require(known, f"--features classifier: {self.source.data} has no classes")
        there = "inception" not in features or self.measuring.inception is not None or self.place.download
        _require(there, "--features inception: give its file with --inception, or allow the download with --download")
        for name in ("inception", "fid_reference"):
            path, option = getattr(self.measuring, name), "--" + name.replace("_", "-")
            _require(path is None or path.is_file(), f"{option} {path}: there is no such file")
            _require(path is None or "inception" in features, f"{option}: --features does not name inception")

    def changed(self, **values: Any) -> ToyOptions:
        """These options with other values for some, by their names on the command line, in whatever group they are.

        Raises:
            TypeError: If there is no option of that name.
        """
        groups = {group.name: getattr(self, group.name) for group in dataclasses.fields(self)}
        home = {option: name for name, group in groups.items() for option in _values(group)}
        for option, value in values.items():
            if option not in home:
                raise TypeError(f"there is no option {option!r}")
            name = home[option]
            groups[name] = dataclasses.replace(groups[name], **{option: value})
        return ToyOptions(**groups)

    @property
    def feature_names(self) -> tuple[FeatureName, ...]:
        """What distances are measured in."""
        return self.measuring.names(self.source.labelled)

    @property
    def identity(self) -> dict[str, Any]:
        """The options that decide the results, as JSON; those about where and how fast it runs do not."""
        groups = (self.source, self.sweep, self.training, self.sampling, self.measuring)
        values = {name: value for group in groups for name, value in _values(group).items()}
        bounds = self.source.bounds()  # of which white alone changes an image, where it is given
        values = {n: v for n, v in values.items() if n not in bounds or (n == "white" and v is not None)}
        values |= {"learning_rate": self.training.peak_learning_rate, "features": self.feature_names}
        return dict(json.loads(json.dumps(values, default=str)))

    @property
    def common(self) -> dict[str, Any]:
        """What all cells share and a later run in the folder must have too, with networks told by their contents."""
        values = {name: value for name, value in self.identity.items() if name not in _OF_EACH_RUN}
        for option, features in _NETWORKS:
            used = any(name in self.feature_names for name in features)
            values[option] = contents(values[option]) if used and values[option] is not None else None
        return values

    @property
    def folder(self) -> Path:
        """Where the results go."""
        identity = {**self.identity, "source": located(self.source.source)}
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        return self.place.output or Path("runs") / f"{self.source.data}-{key}"


def _values(group: Any) -> dict[str, Any]:
    """The options of a group, by name."""
    return {option.name: getattr(group, option.name) for option in dataclasses.fields(group)}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
