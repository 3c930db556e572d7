"""The options of `toy/run.py`, and the cells that they make."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro

from ambient.models.names import NetworkName
from ambient.runs.identity import describe
from toy.data import LABELLED, TRAIN_POOL, DataName, Source
from toy.methods import METHODS, MethodName

SamplerName = Literal["heun", "euler", "ancestral"]
FeatureName = Literal["pixels", "classifier", "random", "inception", "dinov2-p2", "dinov2-p1", "clip"]
Sigma = float | Literal["auto"]
LEARNING_RATES: dict[str, float] = {"small": 4e-3, "unet-1m": 1e-3, "unet-14m": 2e-4, "unet-58m": 2e-4}
AXES = ("methods", "images", "sigma_nature", "sigma_controls", "seeds")
"""The options that a sweep runs over: a run may be given more of them later, and keeps the cells that it has."""
_PLACES = ("device", "processes", "output", "compile", "online")


@dataclass(frozen=True)
class Options:
    """Train, sample and audit small diffusion models on real images.

    Interrupted? Run the same command again: it goes on where it was.
    """

    data: DataName = "digits"
    """The images; digits is embedded, images is any folder, zip or Hugging Face data set. gmm-easy, -hard, -fixed8,
    -stream32: worlds with exact answers and options of their own (--data gmm-easy --help)."""
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
    precision: Literal["no", "bf16"] = "no"
    """Mixed precision."""
    compile: bool = False
    """Compile the network."""
    samples: int = 1000
    """Images to generate with each model."""
    sampler: SamplerName = "heun"
    """How to sample."""
    sampler_steps: int = 18
    """Levels of the sampling grid."""
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
    online: bool = False
    """Allow downloads of networks."""
    device: Annotated[str, tyro.conf.arg(name="device")] = "cpu"
    """cpu, cuda or cuda:N."""
    processes: int = 0
    """Models trained at a time; 0: one for each core, or one on a GPU."""
    output: Path | None = None
    """Folder of the results; runs/<data>-<key of the options> if not given."""

    def check(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: Naming the option, what is wrong with it, and what to do.
        """
        self._check_data()
        for sigma in (*self.sigma_nature, *self.sigma_controls):
            if sigma != "auto":
                fine = 0 < float(sigma) < self.sigma_range[1]
                message = f"--sigma-nature {sigma:g}: a nature level lies between 0 and {self.sigma_range[1]:g}"
                _require(fine, f"{message} (try 0.4)")
        for name in AXES:
            values = getattr(self, name)
            option = name.replace("_", "-")
            _require(len(values) > 0 or name == "sigma_controls", f"--{option}: name at least one")
            _require(len(set(values)) == len(values), f"--{option} {' '.join(map(str, values))}: one is named twice")
        _require(all(seed >= 0 for seed in self.seeds), "--seeds: a seed is 0 or more")
        for method in self.methods:
            multiple = METHODS[method].multiple
            _require(self.batch % multiple == 0, f"--batch {self.batch}: {method} needs a multiple of {multiple}")
        for name in ("steps", "batch", "accumulation"):
            _require(getattr(self, name) >= 1, f"--{name} {getattr(self, name)}: at least 1")
        for stop in self.stops:
            _require(0 < stop < self.steps, f"--stops {stop}: must lie between 0 and --steps {self.steps}")
        _require("dsm" in self.methods or not self.stops, "--stops: looks at dsm, which --methods does not name")
        for name in ("hidden", "dropout"):
            value = getattr(self, name)
            _require(0 < value < 1, f"--{name} {value:g}: a share between 0 and 1")
        _require(0 <= self.augment <= 1, f"--augment {self.augment:g}: a chance, between 0 and 1")
        _require(self.samples >= 10, f"--samples {self.samples}: the metrics need at least 10")
        _require(self.sampler_steps >= 2, f"--sampler-steps {self.sampler_steps}: at least 2")
        _require(
            self.learning_rate is None or self.learning_rate > 0,
            f"--learning-rate {self.learning_rate}: must be positive",
        )
        _require(self.weight_decay >= 0, f"--weight-decay {self.weight_decay:g}: not negative")
        _require(self.processes >= 0, f"--processes {self.processes}: 0 or more")
        _check_device(self.device)

    def _check_data(self) -> None:
        for n in self.images:
            if self.data == "digits":
                _require(2 <= n <= TRAIN_POOL, f"--images {n}: digits has 2 to {TRAIN_POOL} to train on")
            _require(n >= 2, f"--images {n}: at least 2")
        if self.data == "digits":
            for name in ("source", "resolution", "revision"):
                option = name.replace("_", "-")
                _require(getattr(self, name) is None, f"--{option}: digits has none; name the images with --data")
            _require(not self.greyscale, "--greyscale: digits are grey")
        else:
            _require(
                self.source is not None,
                f"--source: say where {self.data} is: an archive, a folder, or a Hugging Face id with --revision",
            )
        _require(self.resolution is None or self.resolution >= 4, f"--resolution {self.resolution}: at least 4")
        known = self.data in ("digits", *LABELLED) or self.classes
        _require("classifier" not in self.features or known, f"--features classifier: {self.data} has no classes")
        _require(
            "inception" not in self.features or self.inception is not None or self.online,
            "--features inception: give its file with --inception, or allow the download with --online",
        )

    @property
    def sources(self) -> Source:
        """Where the images come from."""
        if self.data == "digits":
            return Source()
        labels = self.data in LABELLED or self.classes
        return Source(
            self.data, str(self.source), self.revision, self.resolution, self.greyscale, labels, self.skip_bad
        )

    @property
    def feature_names(self) -> tuple[FeatureName, ...]:
        """What distances are measured in."""
        if self.features:
            return self.features
        labelled = self.data == "digits" or self.sources.labels
        return ("pixels", "classifier") if labelled else ("pixels", "random")

    @property
    def sigma_range(self) -> tuple[float, float]:
        """Smallest and largest level of the sampling grid: EDM's, but for digits."""
        return (0.01, 20.0) if self.data == "digits" else (0.002, 80.0)

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate, whether given or the network's own."""
        return LEARNING_RATES[self.network] if self.learning_rate is None else self.learning_rate

    @property
    def identity(self) -> dict[str, Any]:
        """The options that decide the results; those about where and how fast it runs do not."""
        values = {field.name: describe(getattr(self, field.name)) for field in dataclasses.fields(self)}
        values |= {"learning_rate": self.peak_learning_rate, "features": list(self.feature_names)}
        return {name: value for name, value in values.items() if name not in _PLACES}

    @property
    def common(self) -> dict[str, Any]:
        """What all cells share: the identity without the axes of the sweep."""
        return {name: value for name, value in self.identity.items() if name not in AXES}

    @property
    def folder(self) -> Path:
        """Where the results go."""
        key = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()[:8]
        return self.output or Path("runs") / f"{self.data}-{key}"

    @property
    def workers(self) -> int:
        """Models trained at a time."""
        default = (os.cpu_count() or 1) if self.device == "cpu" else 1
        return min(self.processes or default, len([cell for cell in self.cells() if cell.stop is None]))

    def cells(self) -> list[Cell]:
        """Every model to audit, each stopped one after the one that it comes from.

        Methods that do not depend on the nature level have one cell for all levels.
        """
        cells = []
        for seed, n, method in product(self.seeds, self.images, self.methods):
            control = method in ("weight", "redrawn", "ambient")
            chosen = self.sigma_controls if control and self.sigma_controls else self.sigma_nature
            levels: tuple[Sigma | None, ...] = chosen if METHODS[method].levelled else (None,)
            stops: tuple[int | None, ...] = (None, *self.stops) if method == "dsm" else (None,)
            cells += [Cell(method, s, seed, n, stop, len(self.images) > 1) for s in levels for stop in stops]
        return cells


@dataclass(frozen=True)
class Cell:
    """One model.

    Attributes:
        method: How it is trained.
        sigma_nature: The nature level; "auto" for the collapse level of its images, None where there is none.
        seed: Which split.
        images: Number of training images.
        stop: After how many steps it is looked at; None for all.
        swept: Whether other cells have other numbers of images, so that this one's has to be named.
    """

    method: MethodName
    sigma_nature: Sigma | None
    seed: int
    images: int = 100
    stop: int | None = None
    swept: bool = dataclasses.field(default=False, compare=False)

    @property
    def row(self) -> str:
        """Title of the cell's row in tables, the same for every split."""
        parts = [METHODS[self.method].title]
        parts += [] if self.stop is None else [f"stopped at {self.stop}"]
        parts += [] if self.sigma_nature is None else [f"σ_n = {_text(self.sigma_nature)}"]
        parts += [f"N = {self.images}"] if self.swept else []
        return ", ".join(parts)

    @property
    def name(self) -> str:
        """Name of the cell's folder."""
        level = "" if self.sigma_nature is None else f"-sigma{_text(self.sigma_nature)}"
        stop = "" if self.stop is None else f"-stop{self.stop}"
        return f"{self.method}{level}-n{self.images}-seed{self.seed}{stop}"

    @property
    def whole(self) -> Cell:
        """The cell that trains the model of this one."""
        return dataclasses.replace(self, stop=None)


def _text(sigma: Sigma) -> str:
    return sigma if isinstance(sigma, str) else f"{sigma:g}"


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"--device {device}: this machine cannot use it ({first}); try cpu") from error
