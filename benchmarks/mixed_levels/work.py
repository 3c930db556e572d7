"""The work of `benchmarks.mixed_levels`."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor

from ambient.data.images import ImageOptions, load_images
from ambient.metrics.features import Pixels
from ambient.metrics.quality import frechet_distance
from ambient.models import Model, posterior_mean
from ambient.models.fitting import Recipe, fit
from ambient.runs.console import say
from ambient.runs.files import write_text
from ambient.runs.identity import claim_folder
from ambient.runs.results import read_results, write_results
from ambient.runs.tables import Entries, markdown, rich_table
from benchmarks.mixed_levels.exact import DESIGNS, MULTIPLES, Design, GaussianWorld, costs
from benchmarks.mixed_levels.options import MixedLevels
from benchmarks.noisy_images.classical import rmse
from benchmarks.noisy_images.images import Split, split_of


def work(options: MixedLevels) -> None:
    """Compute what is missing, and report."""
    torch.set_num_threads(options.threads)
    sets = _sets(options)
    facts = ("steps", "batch", "learning_rate", "images", "held_out", "judged", "samples")
    claim_folder(options.output, {"sigma": options.sigma_nature, **{name: getattr(options, name) for name in facts}})
    if options.train:
        for number in options.splits:
            for name, images in sets.items():
                split = split_of(images, number, options.images, options.held_out)
                for design in DESIGNS:
                    _compute(split, design, options, _folder(options, name, number, design))
    sigma, draws = options.sigma_nature, options.repetitions
    tables = {
        f"exact: cost of the error at multiples of σ_n, mean of {draws} draws": _exact(options),
        f"images: RMSE at σ = {sigma:g}; Fréchet distance of samples, all to their own stop and to σ / 2": _images(
            options, list(sets)
        ),
    }
    console = Console(width=max(120, Console().width))
    for title, entries in tables.items():
        console.print(rich_table(title, entries))
    path = options.output / "table.md"
    write_text(path, "\n".join(markdown(f"**{title}**", entries) for title, entries in tables.items()))
    print(f"Results: {path}")


def noisy_design(split: Split, design: Design, sigma: float) -> tuple[Tensor, Tensor]:
    """The images of a design and the level of each: the same noisy versions in all of them."""
    noisy, half = split.noisy(sigma, "float")[0], len(split.train) // 2
    levels = torch.full((len(noisy),), sigma, dtype=torch.float64)
    if design == "noisy half":
        return noisy[half:], levels[half:]
    if design == "half clean":
        levels[:half] = 0
        return torch.cat([split.train[:half], noisy[half:]]), levels
    return noisy, levels


def _compute(split: Split, design: Design, options: MixedLevels, folder: Path) -> None:
    if (folder / "result.json").exists():
        return
    images, levels = noisy_design(split, design, options.sigma_nature)
    recipe = Recipe(
        steps=options.steps, batch=options.batch, learning_rate=options.learning_rate, spectral=True, seed=split.number
    )
    start = time.process_time()
    model = fit(images, levels, folder, recipe, accelerator=Accelerator(cpu=True), progress=lambda *_: None)
    seconds = time.process_time() - start
    noisy, clean = split.noisy(options.sigma_nature, "float")[1][: options.judged], split.held_out[: options.judged]
    distances = {
        name: _to_held_out(model, split, options, stop)
        for name, stop in (("frechet", None), ("frechet, same stop", options.sigma_nature / 2))
    }
    result: dict[str, Any] = {
        "method": model.method,
        "images": len(images),
        "rmse": rmse(posterior_mean(model, noisy, options.sigma_nature), clean),
        **distances,
        "seconds": seconds,
    }
    write_results(folder / "result.json", result)
    print(f"{folder / 'result.json'} written")


def _to_held_out(model: Model, split: Split, options: MixedLevels, stop: float | None) -> float:
    """Fréchet distance on pixels of samples to the held-out images; `stop` None is the model's own."""
    samples = torch.cat(list(model.sample(options.samples, seed=split.number, stop=stop))).clamp(-1, 1)
    pixels = Pixels()
    return frechet_distance(pixels(samples), pixels(split.held_out))


def _exact(options: MixedLevels) -> Entries:
    world = GaussianWorld(sigma_n=options.sigma_nature)
    rows = [["images", "design", *(f"{m:g} σ_n" for m in MULTIPLES)]]
    for number in options.sizes:
        for design in DESIGNS:
            found = [costs(world, design, number, seed) for seed in range(options.repetitions)]
            means = [f"{statistics.mean(entry[m] for entry in found):.3g}" if m in found[0] else "–" for m in MULTIPLES]
            rows.append([str(number), design, *means])
    return rows


def _images(options: MixedLevels, sets: list[str]) -> Entries:
    rows = [["set", "design", "method", "images", "splits", "RMSE", "/ half clean"]]
    rows[0] += ["FD", "/ half clean", "FD, same stop", "/ half clean"]
    for name in sets:
        found = {
            design: [_folder(options, name, number, design) / "result.json" for number in options.splits]
            for design in DESIGNS
        }
        whole = [k for k in range(len(options.splits)) if all(paths[k].exists() for paths in found.values())]
        results = {design: [read_results(paths[k]) for k in whole] for design, paths in found.items()}
        for design in DESIGNS if whole else ():
            own, best = results[design], results["half clean"]
            columns = []
            for key in ("rmse", "frechet", "frechet, same stop"):
                columns.append(_spread([entry[key] for entry in own]))
                columns.append(_spread([a[key] / b[key] for a, b in zip(own, best, strict=True)]))
            rows.append([name, design, own[0]["method"], str(own[0]["images"]), str(len(whole)), *columns])
    return rows


def _sets(options: MixedLevels) -> dict[str, Tensor]:
    sets = {}
    if options.xrays is not None:
        sets["X-rays 32x32"] = load_images(options.xrays, ImageOptions(resolution=32, channels="grey")).images
    if options.cifar is not None:
        sets["CIFAR-10"] = load_images(options.cifar).images
    for name in ("xrays", "cifar"):
        if getattr(options, name) is None:
            say("[yellow]left out:[/yellow]", f"--{name} not given")
    return sets


def _folder(options: MixedLevels, name: str, number: int, design: Design) -> Path:
    return options.output / name.replace(" ", "-") / f"split{number}" / design.replace(" ", "-")


def _spread(values: list[float]) -> str:
    """Mean and, of several, standard deviation."""
    return f"{statistics.mean(values):.3g}" + (f" ± {statistics.stdev(values):.1g}" if len(values) > 1 else "")
