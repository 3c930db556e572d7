"""The work of `benchmarks.photons`."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits
from torch import Tensor

from ambient.models import Recipe, fit, posterior_mean
from ambient.noise import PoissonGaussian, parse_poisson
from ambient.runs.files import write_text
from ambient.runs.results import write_results
from ambient.runs.tables import Entries, markdown, rich_table

if TYPE_CHECKING:
    from benchmarks.photons.__main__ import Photons

Errors = dict[str, float]
"""Root mean square errors by what restored the images."""


def work(options: Photons) -> None:
    """Train, restore, print the table, and write it."""
    found: dict[str, list[Errors]] = {}
    for noise in options.noise:
        found[noise] = [errors(options, noise, seed) for seed in options.seeds]
        write_results(options.output / "photons.json", {"steps": options.steps, "errors": found})
    entries = _entries(found)
    Console().print(rich_table("Root mean square error, images in [-1, 1]", entries))
    write_text(options.output / "photons.md", markdown("", entries))
    print(f"Results: {options.output}  (photons.md, photons.json)")


def errors(options: Photons, noise: str, seed: int) -> Errors:
    """Of one draw of the noise."""
    torch.set_num_threads(1)
    law = PoissonGaussian(*(parse_poisson(noise) or (0.0, 0.0)))
    clean = torch.tensor(load_digits().images[: options.images], dtype=torch.float32)[:, None] / 8 - 1
    noisy = seen(clean, law, seed)
    recipe = Recipe(steps=options.steps, seed=seed)
    folder = options.output / noise.replace(":", "-") / f"seed{seed}"
    knows = fit(noisy, law, folder / "photons", recipe)
    does_not = fit(noisy, float(law.variance(clean).mean().sqrt()), folder / "gaussian", recipe)
    restored = {
        "nothing": noisy,
        "Gaussian filter": best_filter(noisy, clean),
        "model, Gaussian noise": posterior_mean(does_not, noisy),
        "model, photons": posterior_mean(knows, noisy),
    }
    return {name: _rms(images.clamp(-1, 1) - clean) for name, images in restored.items()}


def seen(clean: Tensor, law: PoissonGaussian, seed: int) -> Tensor:
    """Clean images, of any shape, with this noise."""
    draws = torch.Generator().manual_seed(seed)
    counts = torch.poisson((clean - law.black) / law.gain, generator=draws)
    return law.gain * counts + law.black + law.std * torch.randn(clean.shape, generator=draws)


def best_filter(noisy: Tensor, clean: Tensor) -> Tensor:
    """Images (N, 1, H, W) through the Gaussian filter whose width is best on the clean images."""
    widths = [0.2 + 0.05 * i for i in range(25)]
    filtered = [torch.from_numpy(gaussian_filter(noisy.numpy(), (0, 0, w, w), mode="nearest")) for w in widths]
    return min(filtered, key=lambda images: _rms(images.clamp(-1, 1) - clean))


def _rms(error: Tensor) -> float:
    return float(error.double().square().mean().sqrt())


def _entries(found: dict[str, list[Errors]]) -> Entries:
    head = ["noise", *next(iter(found.values()))[0]]
    rows = [
        [noise, *(_spread([split[name] for split in splits]) for name in head[1:])] for noise, splits in found.items()
    ]
    return [head, *rows]


def _spread(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"
