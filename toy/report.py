"""What an experiment shows: the table, the pictures and `metrics.json`."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import Tensor

from ambient.runs.figures import save_figure
from ambient.runs.files import read_records, write_atomically
from ambient.runs.results import write_results
from ambient.runs.tables import markdown, rich_table
from toy import notes, plots
from toy.audit import titles
from toy.cells import Cell
from toy.data import Split
from toy.frontier import gaps
from toy.model import cell_folder
from toy.options import ToyOptions
from toy.sampling import load_samples

SHOWN = (
    "frechet_pixels",
    "frechet_classifier",
    "frechet_random",
    "frechet_inception",
    "m13",
    "s90",
    "s95",
    "p_train",
    "seconds",
)
"""The columns of the table, and the similarities of deep features; the rest is in metrics.json."""

Metrics = dict[str, Any]
"""Of one model, or of a set that needs none."""
Rows = dict[str, list[Metrics]]
"""Metrics of each split, by title."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What an experiment found.

    Attributes:
        models: Metrics of each cell.
        references: Audits of sets that need no model, by (training images, split) and row title.
        spectra: Memorisation spectra.
        splits: What was trained on, the first for the pictures, by (training images, split).
    """

    models: dict[Cell, Metrics]
    references: dict[tuple[int, int], dict[str, Metrics]]
    spectra: dict[Cell, Metrics]
    splits: dict[tuple[int, int], Split]


def write_report(options: ToyOptions, findings: Findings, console: Console) -> None:
    """Write metrics.json, table.md and the pictures to the run's folder, print the table, and say where all is.

    Args:
        options: The options of the run.
        findings: What it found.
        console: Where to print.
    """
    folder, data, sweep = options.folder, options.source.data, options.sweep
    models = _by_row((cell.row, values) for cell, values in findings.models.items())
    others = _reference_rows(findings, several=len(sweep.images) > 1)
    spectra = _by_row((cell.row, values) for cell, values in findings.spectra.items())
    published = options.measuring.fid_reference is not None
    names = titles(next(iter(findings.models.values())), data, published)
    comparisons = _against_dsm(findings.models)
    frontiers = {key: gaps(findings.models, key) for key in names if key.startswith("frechet_")}
    remarks = notes.notes(findings.splits)
    record = {
        "data": data,
        "features": options.feature_names,
        "names": names,
        "options": options.identity,
        "models": models,
        "references": others,
        "against_dsm": comparisons,
        "gaps": frontiers,
        "spectra": spectra,
        "duplicates": notes.duplicates(findings.splits),
    }
    write_results(folder / "metrics.json", record)
    first = next(iter(findings.splits.values()))
    _draw(folder, findings.models, spectra, first.train, options.sampling.samples, options.training.steps)
    if len(sweep.sigma_nature) > 1 or sweep.stops:
        save_figure(folder / "pareto.png", plots.pareto(findings.models, others, names))
    shown = {key: title for key, title in names.items() if key in SHOWN or key.startswith(("s0", "sim"))}
    title, table = _title(options), _entries({**models, **others}, shown)
    page = markdown(title, table) + "\n" + "\n\n".join(remarks) + "\n"
    write_atomically(folder / "table.md", lambda file: file.write_text(page, encoding="utf-8"))
    console.print(rich_table(title, table))
    for line in (*remarks, *comparisons_in_words(comparisons), *_gaps_in_words(frontiers, names)):
        console.print(line)
    console.print(f"Results: {folder}{_listing(folder)}", soft_wrap=True, highlight=False)


def _draw(folder: Path, models: Mapping[Cell, Metrics], spectra: Rows, train: Tensor, number: int, steps: int) -> None:
    """The pictures of the first split, the training curves and the spectra."""
    whole = [cell for cell in models if cell.stop is None]
    first = [cell for cell in whole if (cell.seed, cell.images) == (whole[0].seed, whole[0].images)]
    samples = {cell.row: load_samples(cell_folder(folder, cell), number) for cell in first}
    save_figure(folder / "samples.png", plots.sample_grids(train, samples))
    save_figure(folder / "nearest.png", plots.nearest_pairs(train, samples))
    logs = {cell: _log(cell_folder(folder, cell) / "log.jsonl", steps) for cell in whole}
    save_figure(folder / "curves.png", plots.training_curves(logs))
    if spectra:
        save_figure(folder / "spectrum.png", plots.spectra(spectra))


def _log(path: Path, steps: int) -> list[dict[str, Any]]:
    """The log of a training that is done.

    Warns:
        UserWarning: If it does not reach to the end.
    """
    records = read_records(path, "step")
    last = records[-1]["step"] if records else 0
    if last != steps:
        warnings.warn(f"{path} is damaged: it ends at update {last} of {steps}, and so does its curve", stacklevel=2)
    return records


def _reference_rows(findings: Findings, several: bool) -> Rows:
    """The sets that need no model, by title, which names the number of images where there are several."""
    return _by_row(
        (f"{title}, N = {n}" if several else title, values)
        for (n, _), audits in findings.references.items()
        for title, values in audits.items()
    )


def comparisons_in_words(comparisons: dict[str, dict[str, float]]) -> list[str]:
    """One line for each row that is compared with DSM."""
    return [
        f"{row}: {values['m13']:.2f} times DSM's m13 at {values['frechet_pixels']:.2f} times its pixel Fréchet distance"
        for row, values in comparisons.items()
    ]


def _gaps_in_words(frontiers: dict[str, dict[str, list[float]]], names: dict[str, str]) -> list[str]:
    """A line for each row, on the first distance that is not of pixels."""
    key = next((key for key in frontiers if key != "frechet_pixels"), "frechet_pixels")
    return [
        f"{row}: {names[key]} {statistics.fmean(values):+.2f} against DSM stopped where it copies as much "
        f"({len(values)} splits)"
        for row, values in frontiers.get(key, {}).items()
    ]


def _against_dsm(models: dict[Cell, Metrics]) -> dict[str, dict[str, float]]:
    """Ratios of means over splits to DSM's on as many images."""
    keys = ("m13", "frechet_pixels", "frechet_classifier", "frechet_random", "frechet_inception")
    rows = _by_row((cell.row, values) for cell, values in models.items())
    found = {}
    for cell in models:
        base = rows.get(Cell("dsm", None, cell.seed, cell.images, swept=cell.swept).row, [])
        values = rows[cell.row]
        if base and base is not values and _mean(base, "m13") > 0:
            positive = [key for key in keys if key in base[0] and _mean(base, key) > 0]
            found[cell.row] = {key: _mean(values, key) / _mean(base, key) for key in positive}
    return found


def _title(options: ToyOptions) -> str:
    side, images, seeds = options.source.resolution, options.sweep.images, options.sweep.seeds
    size = "" if side is None else f" at {side}x{side}"
    number = f", N = {images[0]}" if len(images) == 1 else ""
    splits = "" if len(seeds) == 1 else f", mean ± spread over {len(seeds)} splits"
    return f"{options.source.data}{size}{number}, {options.sampling.samples} samples{splits}"


def _entries(rows: Rows, columns: dict[str, str]) -> list[list[str]]:
    """The table as text, its head first."""
    body = [[row, *(_entry(values, key) for key in columns)] for row, values in rows.items()]
    return [["method", *columns.values()], *body]


def _entry(values: list[Metrics], key: str) -> str:
    if key not in values[0]:
        return "–"
    form = _form(key)
    text = form.format(_mean(values, key))
    if len(values) > 1:
        text += " ± " + form.format(statistics.stdev(v[key] for v in values))
    return text


def _form(key: str) -> str:
    if key == "seconds":
        return "{:.0f}"
    return "{:.3f}" if key in ("m13", "p_train") else "{:.2f}"


def _mean(values: list[Metrics], key: str) -> float:
    return statistics.fmean(v[key] for v in values)


def _by_row(items: Iterable[tuple[str, Metrics]]) -> Rows:
    rows: Rows = {}
    for row, values in items:
        rows.setdefault(row, []).append(values)
    return rows


def _listing(folder: Path) -> str:
    return "  (" + ", ".join(sorted(path.name for path in folder.iterdir() if path.is_file())) + ")"
