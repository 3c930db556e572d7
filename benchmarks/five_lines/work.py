"""The work of `benchmarks.five_lines`."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor

from ambient.models import load, posterior_mean
from ambient.models.fitting import Recipe, fit
from ambient.runs.files import read_json
from ambient.runs.pictures import read_image
from ambient.runs.results import write_results
from ambient.runs.tables import rich_table
from benchmarks.five_lines.options import FiveLines
from benchmarks.noisy_images.cells import MULTIPLES
from benchmarks.noisy_images.classical import best_gaussian, psnr, rmse

LIMIT = 0.9
"""What the restored error may be of that of a model trained as if the files were clean."""


def work(options: FiveLines) -> None:
    """Train the rival, measure all, and print and write the errors."""
    torch.set_num_threads(options.threads)
    noisy, names = _images(options.noisy)
    restored, others = _images(options.restored / "mean")
    if names != others:
        raise ValueError(f"{options.restored / 'mean'} holds {len(others)} images, and not those of {options.noisy}")
    clean = digits(len(noisy))
    model = load(options.run)
    rival = fit(noisy, 0.0, options.output / "as-clean", recipe_of(options.run), accelerator=Accelerator(cpu=True))
    by_level = {m: rmse(posterior_mean(rival, noisy, m * model.nature), clean) for m in MULTIPLES}
    best = min(by_level, key=lambda m: by_level[m])
    gaussian, width = best_gaussian(noisy, clean)
    errors = {
        "noisy": rmse(noisy, clean),
        f"best Gaussian filter ({width:g} pixels)": rmse(gaussian, clean),
        "trained as if clean": by_level[1.0],
        f"the same at its best level ({best:g} sigma)": by_level[best],
        "restored": rmse(restored, clean),
    }
    ours = errors["restored"]
    rows = [["", "RMSE", "PSNR", "restored / this"]]
    rows += [[name, f"{error:.4f}", f"{psnr(error):.1f} dB", f"{ours / error:.2f}"] for name, error in errors.items()]
    Console().print(rich_table(f"{len(noisy)} digits, noise of {model.nature:g}", rows))
    write_results(options.output / "five_lines.json", errors)
    holds = ours < rmse(gaussian, clean) and ours < LIMIT * by_level[1.0]
    print(f"below the Gaussian filter and below {LIMIT} of trained as if clean: {'yes' if holds else 'NO'}")


def digits(number: int) -> Tensor:
    """The clean digits, as `ambient example` takes them, (N, 1, 8, 8)."""
    from sklearn.datasets import load_digits

    return torch.tensor(load_digits().images[:number], dtype=torch.float32)[:, None] / 8 - 1


def recipe_of(run: Path) -> Recipe:
    """The network, updates and batch of a run, for images as if they were clean, from the same spectral start.

    Raises:
        ValueError: If the run does not say them.
    """
    config = read_json(run / "model" / "config.json", "network", "facts")
    found = re.fullmatch(r"(\d+) of (\d+) images", str(config["facts"].get("updates")))
    if found is None:
        raise ValueError(f"{run / 'model' / 'config.json'} does not say its updates")
    return Recipe(
        method="dsm",
        network=config["network"],
        steps=int(found[1]),
        batch=int(found[2]),
        spectral=bool(config.get("spectral", False)),
    )


def _images(folder: Path) -> tuple[Tensor, list[str]]:
    paths = sorted(folder.glob("*.png"))
    if not paths:
        raise ValueError(f"{folder} holds no PNG files")
    return torch.stack([read_image(path) for path in paths]), [path.name for path in paths]
