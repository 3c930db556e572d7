"""The cells in the order in which a table becomes of use: levels, splits, and 8-bit files after all float ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from ambient.runs.console import say
from ambient.runs.identity import claim_folder
from ambient.runs.results import write_results
from benchmarks.noisy_images import report
from benchmarks.noisy_images.cells import Noise, Who, classical, judge, to_held_out, trained
from benchmarks.noisy_images.classical import has_bm3d
from benchmarks.noisy_images.images import Split, left_out, load_sets, split_of
from benchmarks.noisy_images.options import Form, NoisyImages


def work(options: NoisyImages) -> None:
    """Compute what is missing, and report what is there."""
    torch.set_num_threads(options.threads)
    for name, option in left_out(options).items():
        say("[yellow]left out:[/yellow]", f"{name}, {option} not given")
    if not has_bm3d():
        say("[yellow]left out:[/yellow]", 'BM3D: its package is not installed (pip install -e ".[bm3d]")')
    sets = load_sets(options)
    claim_folder(options.output, {"budget": options.budget})
    if options.train:
        for name, number, noise in order(options, list(sets)):
            split = split_of(sets[name], number, options.budget.images, options.budget.held_out)
            compute(split, noise, options, options.output / name.replace(" ", "-") / f"split{number}")
    report.write(options, sets)


def order(options: NoisyImages, sets: list[str]) -> Iterator[tuple[str, int, Noise]]:
    """Set, split and noise: small images first, of these float files first, level by level."""
    for large in (False, True):
        names = [name for name in sets if name.endswith("64x64") == large]
        forms: tuple[tuple[Form, tuple[int, ...]], ...] = (("float", options.splits), ("8-bit", options.rounded))
        for form, splits in forms:
            for sigma in options.sigmas:
                for number in splits:
                    yield from ((name, number, Noise(sigma, form)) for name in names)


def compute(split: Split, noise: Noise, options: NoisyImages, folder: Path) -> None:
    """The cells of one noise that are not there yet; that of the clean images with the first of them."""
    path = folder / noise.folder / "classical" / "result.json"
    if not path.exists():
        write_results(path, classical(split, noise, options.budget))
    whos: tuple[Who, ...] = ("ours", "as clean", "clean")
    for who in whos:
        own = folder / "clean" if who == "clean" else folder / noise.folder / who.replace(" ", "-")
        if (own / "result.json").exists():
            continue
        model, seconds = trained(split, None if who == "clean" else noise, who, options.budget, own)
        noises = [noise] if who != "clean" else _all_noises(options)
        found = judge(model, split, noises, who, options.budget) | {"seconds": seconds}
        if who == "clean":
            found["training images"] = to_held_out(split.train[: options.budget.samples], split)
        write_results(own / "result.json", found)
        print(f"{own / 'result.json'} written")


def _all_noises(options: NoisyImages) -> list[Noise]:
    """Also the levels that a later run may ask for."""
    forms: tuple[Form, ...] = ("float", "8-bit")
    return [Noise(sigma, form) for form in forms for sigma in sorted({*options.sigmas, *NoisyImages.sigmas})]
