"""Tables and pictures of the cells that are there."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor

from ambient.models import load, posterior_mean
from ambient.runs.files import write_text
from ambient.runs.pictures import save_rows
from ambient.runs.results import read_results
from ambient.runs.tables import Entries, markdown, rich_table
from benchmarks.noisy_images.cells import Judged, Noise
from benchmarks.noisy_images.classical import psnr, restorations
from benchmarks.noisy_images.images import split_of
from benchmarks.noisy_images.options import Form, NoisyImages

RESTORERS = ("noisy", "Gaussian", "NLM", "BM3D", "as clean", "as clean, best level", "ours", "clean")
SHOWN = 8
"""Images in a picture."""
PICTURED = 0.3
"""The level of the pictures."""


def write(options: NoisyImages, sets: Mapping[str, Tensor]) -> None:
    """Print the tables and save them as `table.md`, with a picture of each set."""
    console = Console(width=max(140, Console().width))
    tables = {
        "RMSE, unseen images": _restored(options, sets, "unseen", _plain),
        "RMSE, images of the training set": _restored(options, sets, "seen", _plain),
        "PSNR in dB, unseen images": _restored(options, sets, "unseen", _decibels),
        "Fréchet distance of samples, on pixels, and minutes of training": _sampled(options, sets),
    }
    for title, entries in tables.items():
        console.print(rich_table(title, entries))
    path = options.output / "table.md"
    write_text(path, "\n".join(markdown(f"**{title}**", entries) for title, entries in tables.items()))
    pictures = [_picture(options, name, images) for name, images in sets.items()]
    print("Results:", path, *(str(picture) for picture in pictures if picture is not None))


def cell(options: NoisyImages, name: str, split: int, *place: str) -> dict[str, Any] | None:
    """The result of a cell, or None where there is none."""
    path = _folder(options, name, split).joinpath(*place) / "result.json"
    return read_results(path) if path.exists() else None


def errors(options: NoisyImages, name: str, split: int, noise: Noise, part: str) -> dict[str, float]:
    """RMSE by restorer, as far as the cells are there."""
    found: dict[str, float] = {}
    for restorer, entry in (cell(options, name, split, noise.folder, "classical") or {}).items():
        found[restorer] = entry[part]
    places = {"as clean": (noise.folder, "as-clean"), "ours": (noise.folder, "ours"), "clean": ("clean",)}
    for who, place in places.items():
        result = cell(options, name, split, *place)
        if result is not None and noise.folder in result["rmse"]:
            own = result["rmse"][noise.folder]
            found[who] = own[part]
            if who == "as clean":
                found["as clean, best level"] = own[f"{part}, best level"]
    return found


def _restored(
    options: NoisyImages, sets: Mapping[str, Tensor], part: str, show: Callable[[list[float]], str]
) -> Entries:
    rows = [["set", "files", "σ", "splits", *RESTORERS, "ours / Gaussian", "ours / as clean", "best"]]
    for name, noise, splits in _rows(options, sets):
        found = [errors(options, name, split, noise, part) for split in splits]
        found = [entry for entry in found if {"ours", "as clean"} <= entry.keys()]
        if found:
            own = {who: [entry[who] for entry in found if who in entry] for who in RESTORERS}
            shown = [show(own[who]) if own[who] else "–" for who in RESTORERS]
            ratios = [_ratio(own["ours"], own[rival]) for rival in ("Gaussian", "as clean")]
            fair = {w: statistics.mean(v) for w, v in own.items() if v and w not in ("clean", "as clean, best level")}
            best = min(fair, key=lambda who: fair[who])
            rows.append([name, noise.form, f"{noise.sigma:g}", str(len(found)), *shown, *ratios, best])
    return rows


def _sampled(options: NoisyImages, sets: Mapping[str, Tensor]) -> Entries:
    head = ["set", "files", "σ", "splits", "training images", "clean", "ours", "as clean"]
    rows = [[*head, "minutes: clean", "ours", "as clean"]]
    for name, noise, splits in _rows(options, sets):
        found = [
            (cell(options, name, s, "clean"), *(cell(options, name, s, noise.folder, w) for w in ("ours", "as-clean")))
            for s in splits
        ]
        whole = [[part for part in entry if part is not None] for entry in found if None not in entry]
        if whole:
            distances = [_plain([entry[k]["frechet"] for entry in whole]) for k in range(3)]
            minutes = [[e[k]["seconds"] / 60 for e in whole if e[k]["seconds"] is not None] for k in range(3)]
            floor = _plain([entry[0]["training images"] for entry in whole])
            times = [f"{statistics.mean(values):.1f}" if values else "–" for values in minutes]
            rows.append([name, noise.form, f"{noise.sigma:g}", str(len(whole)), floor, *distances, *times])
    return rows


def _rows(options: NoisyImages, sets: Mapping[str, Tensor]) -> list[tuple[str, Noise, tuple[int, ...]]]:
    forms: tuple[tuple[Form, tuple[int, ...]], ...] = (("float", options.splits), ("8-bit", options.rounded))
    return [
        (name, Noise(sigma, form), splits)
        for name in sets
        for form, splits in forms
        for sigma in sorted(options.sigmas)
    ]


def _picture(options: NoisyImages, name: str, images: Tensor) -> Path | None:
    """Unseen images of the first split, noisy and restored, where its model is there."""
    noise, number = Noise(PICTURED, "float"), options.splits[0]
    folder = _folder(options, name, number) / noise.folder / "ours"
    if not (folder / "result.json").exists():
        return None
    split = split_of(images, number, options.budget.images, options.budget.held_out)
    judged = Judged.of(split, noise, SHOWN)
    noisy, clean = judged.noisy["unseen"], judged.clean["unseen"]
    found = restorations(noisy, clean, noise.sigma)
    rows = {"noisy": noisy, "ours": posterior_mean(load(folder), noisy, noise.sigma)}
    rows |= {who: found[who][0] for who in ("BM3D", "NLM", "Gaussian") if who in found}
    path = options.output / f"{name.replace(' ', '-')}.png"
    save_rows(path, rows | {"clean": clean}, SHOWN)
    return path


def _folder(options: NoisyImages, name: str, split: int) -> Path:
    return options.output / name.replace(" ", "-") / f"split{split}"


def _plain(values: list[float]) -> str:
    """Mean and, of several, standard deviation."""
    mean = f"{statistics.mean(values):.3g}"
    return mean + (f" ± {statistics.stdev(values):.1g}" if len(values) > 1 else "")


def _decibels(values: list[float]) -> str:
    return f"{statistics.mean(psnr(value) for value in values):.1f}"


def _ratio(ours: list[float], rival: list[float]) -> str:
    """Mean over the splits of the ratio, and its largest."""
    ratios = [a / b for a, b in zip(ours, rival, strict=True)] if len(ours) == len(rival) else []
    if not ratios:
        return "–"
    return f"{statistics.mean(ratios):.2f}" + (f" (at most {max(ratios):.2f})" if len(ratios) > 1 else "")
