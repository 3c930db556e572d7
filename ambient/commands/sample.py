"""`python -m ambient sample RUN --samples 64 --output DIR`: images from a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from ambient.commands.output import check_output
from ambient.models.names import SamplerName
from ambient.runs.device import check_device_name

if TYPE_CHECKING:
    from torch import Tensor

    from ambient.models.model import Model

RECORD = "sampling.json"
"""What a folder of samples says of itself."""
SHOWN = 64
"""Images in the picture of a set."""


@dataclass(frozen=True)
class Sample:
    """Generate images. Image i is a function of (seed, i): with more --samples, those that are there are kept."""

    model: tyro.conf.Positional[str]
    """Folder of a run or of a model, or a Hub id."""
    output: Path
    """Folder of the images."""
    samples: int = 64
    """How many."""
    seed: int = 0
    """Decides all noise."""
    sampler: SamplerName = "heun"
    """How to sample."""
    steps: int = 18
    """Levels of the sampling grid."""
    stop: float | None = None
    """Level at which sampling stops with the posterior mean; the model's own if not given."""
    label: str | None = None
    """Class of all images, by name; the classes in turn if not given."""
    format: Literal["png", "npy"] = "png"
    """png: 8-bit files; npy: float32 arrays in [-1, 1], not clipped."""
    batch: int = 64
    """Images at a time."""
    device: str = "cpu"
    """cpu, cuda, cuda:N or mps."""
    download: bool = False
    """Fetch a Hub id that is not on this machine."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        check_device_name(self.device)
        check_output(self.output, RECORD)
        for name, least in (("samples", 1), ("steps", 2), ("batch", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} {getattr(self, name)}: at least {least}")
        if self.stop is not None and not self.stop >= 0:
            raise ValueError(f"--stop {self.stop:g}: 0 or more")


def run(options: Sample) -> None:
    """Generate what is not there yet."""
    from tqdm.auto import tqdm

    from ambient.models.loading import load
    from ambient.runs.device import require_device
    from ambient.runs.identity import claim_folder

    require_device(options.device)
    model = load(options.model, device=options.device, download=options.download)
    if options.stop is not None and not options.stop < model.sigma_max:
        raise ValueError(f"--stop {options.stop:g}: below {model.sigma_max:g}, where this model's sampling starts")
    facts: dict[str, Any] = {
        "model": model.digest(),
        "seed": options.seed,
        "sampler": options.sampler,
        "steps": options.steps,
    }
    facts |= {"stop": model.stop if options.stop is None else options.stop, "label": options.label}
    claim_folder(options.output, facts, RECORD)
    todo = [i for i in range(options.samples) if not _path(options, i).exists()]
    if len(todo) < options.samples:
        print(f"{options.samples - len(todo)} of {options.samples} images are there already")
    with tqdm(total=len(todo), unit="img", desc="sampling", disable=not todo) as bar:
        for start in range(0, len(todo), options.batch):
            indices = todo[start : start + options.batch]
            for i, image in zip(indices, _generate(model, options, indices), strict=True):
                _write(_path(options, i), image)
            bar.update(len(indices))
    _picture(options)
    print(f"Results: {options.output}  ({options.samples} images, {options.output.name}.png beside it)")


def _generate(model: Model, options: Sample, indices: list[int]) -> Tensor:
    """The images `indices`, (b, C, H, W)."""
    labels = None if options.label is None else [model.class_of(options.label)] * len(indices)
    return model.sample_indices(
        indices, seed=options.seed, steps=options.steps, sampler=options.sampler, labels=labels, stop=options.stop
    )


def _path(options: Sample, index: int) -> Path:
    return options.output / f"{index:06d}.{options.format}"


def _write(path: Path, image: Tensor) -> None:
    from ambient.runs.pictures import save_array, save_png

    save_png(path, image) if path.suffix == ".png" else save_array(path, image)


def _picture(options: Sample) -> None:
    """The first images as one picture, beside the folder, so that the folder holds samples only."""
    import torch

    from ambient.runs.pictures import grid, read_image, save_png

    images = [read_image(_path(options, i)) for i in range(min(SHOWN, options.samples))]
    save_png(options.output.with_name(options.output.name + ".png"), grid(torch.stack(images)))
