"""`python -m ambient restore RUN SOURCE --task TASK`: blurred, small or incomplete images, with any trained model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ambient.commands.reading import Images
    from ambient.commands.restore import Restore
    from ambient.linear import Operator, Task
    from ambient.linear.names import GuidanceName
    from ambient.models.model import Model
    from ambient.posterior.guidance import Correction, Measurement

SHOWN = 8
"""Images in the picture."""
SIGMA_MAX = 20.0
"""Where sampling starts: far above the spread of images in [-1, 1]."""
LAST = 0.02
"""Where it ends, if the model does not stop earlier: two and a half grey levels of 255."""
SIGMA_Y = 0.01
"""Noise of measurements that nothing is said of."""
PEAK = 2.0
"""Range of images in [-1, 1], for PSNR."""


@dataclass(frozen=True)
class Measured:
    """How images were measured, and how that is undone: the options of `restore` that matter here.

    Attributes:
        task: What was done to them.
        sigma_y: Noise of the measurements, in [-1, 1] units.
        simulate: Whether the source is clean and is to be measured here, so that the restoration can be judged.
        guidance: How the model is told of the measurements.
        zeta: Step size of dps.
        samples: Posterior samples of each image.
        steps: Evaluations of the model for each of them.
        seed: Of the samples, and of simulated measurements.
    """

    task: Task
    sigma_y: float
    simulate: bool
    guidance: GuidanceName
    zeta: float
    samples: int
    steps: int
    seed: int

    def facts(self) -> dict[str, Any]:
        """What decides the numbers, as text."""
        return {name: str(getattr(self, name)) for name in self.__dataclass_fields__}


def restore_measured(model: Model, options: Restore) -> None:
    """Restore what is not there yet: samples, their mean and standard deviation; judge them if they were simulated.

    Raises:
        ValueError: If the images do not fit the model and the task.
    """
    from tqdm.auto import tqdm

    from ambient.commands.labels import labels_and_images
    from ambient.commands.output import RESTORATION
    from ambient.runs.files import fingerprint
    from ambient.runs.identity import claim_folder
    from ambient.runs.pictures import file_names, write_image

    measured, output = _of(options), options.output
    if model.stabilised is not None:
        raise ValueError(
            "--task: the model was trained on images with Poisson noise and knows them transformed, so that a blur of "
            "them is no linear measurement: take a model of white noise"
        )
    images, labels = labels_and_images(options.source, options.label, model)
    side = _side(model, images, measured)
    mask = _mask(measured.task, side)
    facts = {"model": model.digest(), "images": fingerprint(*images.pixels), **measured.facts()}
    facts["classes"] = None if labels is None else fingerprint(labels)
    claim_folder(output, facts | {"mask": None if mask is None else fingerprint(mask)}, RESTORATION)
    paths = file_names(images.names, options.format)
    folders = ["measured", *(f"sample-{k + 1}" for k in range(measured.samples)), "mean", "std"]
    todo = [i for i in range(len(images)) if not all((output / f / paths[i]).exists() for f in folders)]
    if len(todo) < len(images):
        print(f"{len(images) - len(todo)} of {len(images)} images are restored already")
    with tqdm(total=len(todo), unit="img", desc="restoring", disable=not todo) as bar:
        for start in range(0, len(todo), options.batch):
            rows = todo[start : start + options.batch]
            condition = {} if labels is None else {"label": labels[rows].to(options.device)}
            found = _restored(model, images.take(rows).to(options.device), rows, measured, side, mask, condition)
            for name, pictures in found.items():
                for i, image in zip(rows, pictures, strict=True):
                    write_image(output / name / paths[i], image)
            bar.update(len(rows))
    if measured.simulate:
        _judge(images, output, paths, measured)
    _picture(images, output, paths, measured)
    print(f"Results: {output}  ({', '.join(folders)}, restored.png)")


def _of(options: Restore) -> Measured:
    from ambient.linear import parse_task
    from ambient.noise.units import parse_level

    assert options.task is not None
    if options.noise is None:
        print(f"noise of the measurements: {SIGMA_Y:g} (--noise says another)")
    return Measured(
        parse_task(options.task),
        SIGMA_Y if options.noise is None else parse_level(options.noise),
        options.simulate,
        options.guidance,
        options.zeta,
        options.drawn,
        options.reverse_steps,
        options.seed,
    )


def _side(model: Model, images: Images, measured: Measured) -> int:
    """Side of the restored images."""
    channels, side, _ = model.shape
    found, height, width = images.take([0]).shape[1:]
    own = height if measured.simulate else measured.task.side(height)
    if (found, height, own) != (channels, width, side):
        raise ValueError(
            f"{measured.task} of images of {height}x{width} and {found} channel(s) asks for a model of {own}x{own}, "
            f"and this one makes {side}x{side} with {channels}"
        )
    return side


def _mask(task: Task, side: int) -> Tensor | None:
    """The picture's mask, (1, 1, side, side)."""
    from ambient.runs.pictures import read_image

    if task.mask is None:
        return None
    if not task.mask.is_file():
        raise ValueError(f"--task {task}: there is no file {task.mask}")
    picture = read_image(task.mask).mean(0)
    if picture.shape != (side, side):
        raise ValueError(f"{task.mask} is {picture.shape[0]}x{picture.shape[1]}, and the images are {side}x{side}")
    return (picture > 0).float()[None, None]


def _restored(
    model: Model,
    pixels: Tensor,
    rows: list[int],
    measured: Measured,
    side: int,
    mask: Tensor | None,
    condition: dict[str, Any],
) -> dict[str, Tensor]:
    """Everything that is written of some images, by folder; a standard deviation is shown on [0, 1] as [-1, 1]."""
    import torch

    from ambient.linear import operator_of
    from ambient.posterior.guidance import Measurement
    from ambient.randomness import IndexedNoise

    operator = operator_of(measured.task, side, rows, seed=measured.seed, mask=mask).to(pixels.device)
    y = pixels
    if measured.simulate:
        clean = operator(pixels)
        noise = IndexedNoise(measured.seed, rows, tuple(clean.shape[1:]), purpose="attack").normal(clean)
        y = clean + measured.sigma_y * noise
    if measured.task.name == "inpainting":
        y = operator(y)
    measurement = Measurement(y, operator, measured.sigma_y)
    seeds = [measured.seed * 1_000_003 + k for k in range(measured.samples)]
    draws = [_draw(model, measurement, measured, rows, seed, condition) for seed in seeds]
    stacked = torch.stack(draws)
    found = {"measured": _shown(y, operator), "mean": stacked.mean(0), "std": 2 * stacked.std(0) - 1}
    return found | {f"sample-{k + 1}": draw for k, draw in enumerate(draws)}


def _draw(
    model: Model,
    measurement: Measurement,
    measured: Measured,
    rows: list[int],
    seed: int,
    condition: dict[str, Any],
) -> Tensor:
    """A sample of each image."""

    from ambient.karras import log_sigmas, sample_euler
    from ambient.posterior.guidance import DPS, MMPS, Guided, PiGDM, Proximal
    from ambient.posterior.measured import sample_measured
    from ambient.randomness import IndexedNoise

    last = max(model.stop, LAST)
    if measured.guidance == "dps":  # which is a change of Euler's steps, and of no other sampler's
        sigmas = log_sigmas(measured.steps, last, SIGMA_MAX).to(measurement.y)
        noise = IndexedNoise(seed, rows, model.shape, device=measurement.y.device)
        guided = Guided(model, measurement, DPS(sigmas, measured.zeta))
        return sample_euler(guided, model.centre + sigmas[0] * noise(), sigmas, condition, disable=True)
    corrections: dict[GuidanceName, Correction] = {
        "mmps": MMPS(),
        "pigdm": PiGDM(model.sigma_data),
        "proximal": Proximal(model.sigma_data),
    }
    return sample_measured(
        model,
        measurement,
        corrections[measured.guidance],
        rows,
        model.shape,
        seed=seed,
        steps=measured.steps,
        sigma_min=last,
        sigma_max=SIGMA_MAX,
        **condition,
    )


def _shown(y: Tensor, operator: Operator) -> Tensor:
    """Measurements as a picture: what is missing is black."""
    from ambient.linear import Mask

    return y - (1 - operator.mask) if isinstance(operator, Mask) else y


def _judge(images: Images, output: Path, paths: list[str], measured: Measured) -> None:
    """PSNR of one sample and of the mean, of what was written."""
    import torch

    from ambient.runs.pictures import read_image
    from ambient.runs.results import write_results

    found, clean = {}, images.take(range(len(images)))
    for name, words in (("sample-1", "a sample"), ("mean", f"the mean of {measured.samples}")):
        restored = torch.stack([read_image(output / name / path) for path in paths])
        squared = (restored - clean).square().flatten(1).mean(1)
        psnr = float((10 * (PEAK**2 / squared.clamp(min=1e-12)).log10()).mean())
        found[name] = psnr
        print(f"PSNR of {words}: {psnr:.2f} dB")
    write_results(output / "psnr.json", {"psnr": found, "images": len(images), **measured.facts()})


def _picture(images: Images, output: Path, paths: list[str], measured: Measured) -> None:
    import torch
    from torch.nn import functional

    from ambient.runs.pictures import read_image, save_rows

    few = range(min(SHOWN, len(images)))
    rows = {}
    names = ("measured", "mean", *(f"sample-{k + 1}" for k in range(min(3, measured.samples))), "std")
    for name in names:
        rows[name] = torch.stack([read_image(output / name / paths[i]) for i in few])
    side = rows["mean"].shape[-1]
    if rows["measured"].shape[-1] != side:
        rows["measured"] = functional.interpolate(rows["measured"], size=(side, side), mode="nearest")
    if measured.simulate:
        rows = {"clean": images.take(few), **rows}
    save_rows(output / "restored.png", rows, SHOWN)
