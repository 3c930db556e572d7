"""What is computed of one split: the classical restorations, and each model's restorations and samples.

A cell is a folder with `result.json`; one that is there is not computed again, and a training that was stopped goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from torch import Tensor

from ambient.metrics.features import Pixels
from ambient.metrics.quality import frechet_distance
from ambient.models import Model, posterior_mean
from ambient.models.fitting import Recipe, fit
from benchmarks.noisy_images.classical import restorations, rmse
from benchmarks.noisy_images.images import Split
from benchmarks.noisy_images.options import Budget, Form

Who = Literal["ours", "as clean", "clean"]
"""Trained on noisy images as they are; on the same as if clean; on the clean ones."""
MULTIPLES = (1.0, 1.5, 2.0, 2.5, 3.0)
"""Of sigma_n: levels at which the model trained as if clean restores."""


@dataclass(frozen=True)
class Noise:
    """A noise level and how it is stored."""

    sigma: float
    form: Form

    @property
    def folder(self) -> str:
        """Its name in paths."""
        return f"{self.form}-{self.sigma:g}"


@dataclass(frozen=True, eq=False)
class Judged:
    """Images to restore, of those trained on ("seen") and of those held out ("unseen").

    Attributes:
        noisy, clean: By name, (N, C, H, H) each.
    """

    noisy: dict[str, Tensor]
    clean: dict[str, Tensor]

    @classmethod
    def of(cls, split: Split, noise: Noise, number: int) -> Judged:
        """The first `number` of both."""
        train, held_out = split.noisy(noise.sigma, noise.form)
        return cls(
            {"seen": train[:number], "unseen": held_out[:number]},
            {"seen": split.train[:number], "unseen": split.held_out[:number]},
        )


def classical(split: Split, noise: Noise, budget: Budget) -> dict[str, Any]:
    """RMSE of "seen" and "unseen" and seconds an image, by method."""
    judged = Judged.of(split, noise, budget.judged)
    result: dict[str, Any] = {}
    for part, noisy in judged.noisy.items():
        for name, (restored, seconds) in restorations(noisy, judged.clean[part], noise.sigma).items():
            entry = result.setdefault(name, {})
            entry[part] = rmse(restored, judged.clean[part])
            entry["seconds an image"] = seconds / len(noisy)
    return result


def trained(split: Split, noise: Noise | None, who: Who, budget: Budget, folder: Path) -> tuple[Model, float | None]:
    """A model, and the processor seconds of its training; None where it went on with an earlier one.

    Args:
        split: The images.
        noise: Of the files; None for clean ones.
        who: How it is trained.
        budget: With what.
        folder: Of the run.
    """
    images = split.train if noise is None else split.noisy(noise.sigma, noise.form)[0]
    recipe = Recipe(
        method="recommended" if who == "ours" else "dsm",
        steps=budget.steps,
        batch=budget.batch,
        learning_rate=budget.learning_rate,
        spectral=True,
        seed=split.number,
    )
    fresh, start = not folder.exists(), time.process_time()
    sigma = noise.sigma if noise is not None and who == "ours" else 0.0
    model = fit(images, sigma, folder, recipe, accelerator=Accelerator(cpu=True), progress=lambda *_: None)
    return model, time.process_time() - start if fresh else None


def judge(model: Model, split: Split, noises: list[Noise], who: Who, budget: Budget) -> dict[str, Any]:
    """A model's restorations of each noise, by its folder's name, and its samples.

    Returns:
        "rmse": by noise and part, of the model trained as if clean also "best level" of the unseen images; "frechet":
        of `budget.samples` samples to the held-out images.
    """
    errors: dict[str, Any] = {}
    for noise in noises:
        judged = Judged.of(split, noise, budget.judged)
        errors[noise.folder] = {
            part: rmse(posterior_mean(model, noisy, noise.sigma), judged.clean[part])
            for part, noisy in judged.noisy.items()
        }
        if who == "as clean":
            by_level = {
                m: {
                    part: rmse(posterior_mean(model, noisy, m * noise.sigma), judged.clean[part])
                    for part, noisy in judged.noisy.items()
                }
                for m in MULTIPLES
            }
            for part in judged.noisy:
                errors[noise.folder][f"{part}, best level"] = min(error[part] for error in by_level.values())
            errors[noise.folder]["best multiple"] = min(by_level, key=lambda m: by_level[m]["unseen"])
    samples = torch.cat(list(model.sample(budget.samples, seed=split.number)))
    return {"rmse": errors, "frechet": to_held_out(samples, split)}


def to_held_out(images: Tensor, split: Split) -> float:
    """Fréchet distance on pixels to the held-out clean images, of images clipped to [-1, 1]."""
    pixels = Pixels()
    return frechet_distance(pixels(images.clamp(-1, 1)), pixels(split.held_out))
