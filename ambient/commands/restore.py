"""`python -m ambient restore RUN SOURCE --output DIR`: noisy images, restored by a model trained on noisy images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from ambient.commands.output import RESTORATION, check_output
from ambient.commands.source import Source
from ambient.linear.names import GuidanceName, parse_task
from ambient.noise.units import noise_in_words, parse_level, parse_poisson
from ambient.runs.device import check_device_name

if TYPE_CHECKING:
    from torch import Tensor

    from ambient.commands.reading import Images
    from ambient.models.model import Model

SHOWN = 8
"""Images in the picture."""


@dataclass(frozen=True)
class Restore:
    """Restore noisy images: the posterior mean of each at its own level, and samples of what it may have been.

    The posterior mean is the restoration of least squared error. Samples look like images, and their standard
    deviation shows what the noise has left open. Images larger than the model are seen through overlapping tiles.
    """

    model: tyro.conf.Positional[str]
    """Folder of a run or of a model, or a Hub id."""
    source: Source
    output: Path
    """Folder of the restored images: mean/, and with --samples sample-1/ ..., std/."""
    noise: str | None = None
    """Noise level of the files: 0.3 in [-1, 1] units, 8bit:25, or "estimate"; the model's own if not given. A model for
    Poisson noise knows its own only."""
    noise_column: str | None = None
    """Field of metadata.jsonl or metadata.csv with the level of each image."""
    label: str | None = None
    """Class of all images, by name, for a model with classes; the source's own classes if not given."""
    task: str | None = None
    """What else was done to the files: blur:1.5 (a Gaussian of so many pixels), downsample:2, or inpainting:MASK.png
    (black is missing). Then --noise is that of the measurements, 0.01 if not given."""
    simulate: bool = False
    """With --task: the files are clean, and are measured here; inpainting:0.8 hides that share. Prints the PSNR."""
    guidance: GuidanceName = "mmps"
    """With --task: how the model is told of the measurements."""
    zeta: float = 0.5
    """Step size of --guidance dps."""
    samples: int | None = None
    """Posterior samples of each image, besides the mean; none if not given, 4 with --task, whose mean is theirs."""
    seed: int = 0
    """Decides the samples."""
    steps: int | None = None
    """Reverse steps of a sample; 12 if not given, 24 with --task."""
    overlap: int | None = None
    """Pixels that tiles share; half the model's side if not given."""
    format: Literal["png", "npy"] = "png"
    """png: 8-bit files; npy: float32 arrays in [-1, 1], not clipped."""
    batch: int = 64
    """Images at a time."""
    device: str = "cpu"
    """cpu, cuda, cuda:N or mps."""
    download: bool = False
    """Fetch a Hub id that is not on this machine."""

    @property
    def drawn(self) -> int:
        """Samples of each image."""
        return self.samples if self.samples is not None else 0 if self.task is None else 4

    @property
    def reverse_steps(self) -> int:
        """Steps of each sample."""
        return self.steps if self.steps is not None else 12 if self.task is None else 24

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        check_device_name(self.device)
        check_output(self.output, RESTORATION)
        if self.noise is not None and self.noise_column is not None:
            raise ValueError("--noise and --noise-column: give one of them")
        if self.noise not in (None, "estimate") and parse_poisson(str(self.noise)) is None:
            parse_level(str(self.noise))
        fewest = 0 if self.task is None else 2
        for name, least in (("samples", fewest), ("steps", 1 + (self.task is not None)), ("batch", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"--{name} {value}: at least {least}")
        if self.samples == 1:
            raise ValueError("--samples 1: a standard deviation needs at least 2 samples of each image")
        self._check_task()

    def _check_task(self) -> None:
        if self.task is None:
            if self.simulate or self.guidance != "mmps":
                raise ValueError("--simulate and --guidance are for measurements: name what was done by --task")
            return
        task = parse_task(self.task)
        if task.name == "inpainting" and task.mask is None and not self.simulate:
            raise ValueError(
                f"--task {task}: which pixels are missing? Give a picture where they are black (inpainting:MASK.png), "
                "or measure clean files here with --simulate"
            )
        if self.noise == "estimate" or self.noise_column is not None or self.overlap is not None:
            raise ValueError("--task takes one --noise SIGMA for all images, and no --noise-column and no --overlap")
        if not self.zeta > 0:
            raise ValueError(f"--zeta {self.zeta:g}: must be above 0")


def run(options: Restore) -> None:
    """Restore what is not there yet, and draw the first of them."""
    from tqdm.auto import tqdm

    from ambient.commands.labels import labels_and_images
    from ambient.models.loading import load
    from ambient.runs.device import require_device
    from ambient.runs.files import fingerprint
    from ambient.runs.identity import claim_folder
    from ambient.runs.pictures import file_names, write_image

    require_device(options.device)
    model = load(options.model, device=options.device, download=options.download)
    if options.task is not None:
        from ambient.commands.measured import restore_measured

        restore_measured(model, options)
        return
    images, labels = labels_and_images(options.source, options.label, model)
    sigma = _levels(options, model, images)
    _check(model, options, images)
    _say_clipping(model, images)
    facts: dict[str, Any] = {
        "model": model.digest(),
        "images": fingerprint(*([images.pixels] if hasattr(images.pixels, "shape") else images.pixels)),
        "levels": None if sigma is None else fingerprint(sigma),
        "classes": None if labels is None else fingerprint(labels),
    }
    facts |= {
        "samples": options.drawn,
        "seed": options.seed,
        "steps": options.reverse_steps,
        "overlap": options.overlap,
    }
    claim_folder(options.output, facts, RESTORATION)
    paths = file_names(images.names, options.format)
    folders = ["mean", *(f"sample-{k + 1}" for k in range(options.drawn)), *(["std"] if options.drawn else [])]
    todo = [i for i in range(len(images)) if not all((options.output / f / paths[i]).exists() for f in folders)]
    if len(todo) < len(images):
        print(f"{len(images) - len(todo)} of {len(images)} images are restored already")
    with tqdm(total=len(todo), unit="img", desc="restoring", disable=not todo) as bar:
        for group in images.by_size(todo):
            for start in range(0, len(group), options.batch):
                rows = group[start : start + options.batch]
                for name, restored in _restore(model, options, images, sigma, labels, rows).items():
                    for i, image in zip(rows, restored, strict=True):
                        write_image(options.output / name / paths[i], image)
                bar.update(len(rows))
    _picture(options, images, paths, folders)
    clipped = "; values outside [-1, 1] are clipped" if options.format == "png" else ""
    print(f"Results: {options.output}  ({', '.join(folders)}, restored.png{clipped})")


def _levels(options: Restore, model: Model, images: Images) -> Tensor | None:
    """The level of each image, (N,); None for a model of Poisson noise, which knows one only."""
    from ambient.commands.levels import levels_of

    told = options.noise is not None or options.noise_column is not None
    if model.stabilised is not None:
        law = model.stabilised.noise
        own = noise_in_words(law.gain, law.std)
        if told and (options.noise is None or parse_poisson(options.noise) != (law.gain, law.std)):
            raise ValueError(
                f"this model is for images with the noise {own} and no other: leave --noise and --noise-column out, or "
                "train a model on images like these"
            )
        print(f"noise: {own}, that of the images that the model was trained on")
        return None
    if options.noise is not None and parse_poisson(options.noise) is not None:
        raise ValueError(
            f"--noise {options.noise}: this model is for Gaussian noise; a model for Poisson noise is trained with the "
            "same --noise"
        )
    if told:
        return levels_of(images, options.noise, options.noise_column)
    if not model.noisy:
        raise ValueError("the model was trained on clean images, so say how noisy these are: --noise SIGMA")
    print(f"noise: {model.nature:g}, the level of the images that the model was trained on (--noise says another)")
    return levels_of(images, f"{model.nature!r}", None)


def _check(model: Model, options: Restore, images: Images) -> None:
    """Raises ValueError for what cannot be restored, before anything is written."""
    from ambient.models.restoration import check_fits

    if options.drawn and model.method == "early-stop":
        raise ValueError(
            "--samples: a model trained by early-stop knows nothing below its images' noise; leave --samples out for "
            "the posterior mean"
        )
    for rows in images.by_size(range(len(images))):
        try:
            check_fits(model, tuple(images.pixels[rows[0]].shape), options.overlap)
        except ValueError as error:
            raise ValueError(f"{images.names[rows[0]]}: {error}") from error


def _say_clipping(model: Model, images: Images) -> None:
    """How many pixels lie at a limit of the model's training files: their noise is not what it was."""
    if not model.limits.clipped:
        return
    saturated = sum(int(model.limits.saturated(image).sum()) for image in images.pixels)
    share = saturated / sum(image.numel() for image in images.pixels)
    print(f"clipping: {share:.1%} of the pixels lie at a limit of their files: the noise cut off there is given back")


def _restore(
    model: Model, options: Restore, images: Images, sigma: Tensor | None, labels: Tensor | None, rows: list[int]
) -> dict[str, Tensor]:
    """Everything that is written of some images, by folder; a standard deviation is shown on [0, 1] as [-1, 1]."""
    import torch

    from ambient.models.restoration import posterior_mean, posterior_samples

    x_n, own = images.take(rows).to(options.device), None if sigma is None else sigma[rows]
    told: dict[str, Any] = {} if labels is None else {"label": labels[rows].to(options.device)}
    found = {"mean": posterior_mean(model, x_n, own, overlap=options.overlap, **told)}
    draws = []
    for k in range(options.drawn):
        seed = options.seed * 1_000_003 + k
        draw = posterior_samples(
            model, x_n, own, rows, seed=seed, steps=options.reverse_steps, overlap=options.overlap, **told
        )
        found[f"sample-{k + 1}"] = draw
        draws.append(draw)
    if draws:
        found["std"] = 2 * torch.stack(draws).std(0) - 1
    return found


def _picture(options: Restore, images: Images, paths: list[str], folders: list[str]) -> None:
    """The first images of the first one's size."""
    import torch

    from ambient.runs.pictures import read_image, save_rows

    few = images.by_size(range(len(images)))[0][:SHOWN]
    rows = {"noisy": images.take(few)}
    for name in folders:
        rows[name] = torch.stack([read_image(options.output / name / paths[i]) for i in few])
    save_rows(options.output / "restored.png", rows, SHOWN)
