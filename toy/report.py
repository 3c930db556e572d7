"""What an experiment shows: the table, the pictures and `metrics.json`."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ambient.runs.files import read_records, write_atomically, write_json
from toy import plots
from toy.audit import titles
from toy.config import Cell, Options
from toy.frontier import gaps

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

Rows = dict[str, list[dict[str, Any]]]
"""Row title -> metrics of each split."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What an experiment found.

    Attributes:
        models: Metrics of each cell.
        references: Audits of sets that need no model, by (training images, split) and row title.
        spectra: Memorisation spectra.
    """

    models: dict[Cell, dict[str, Any]]
    references: dict[tuple[int, int], dict[str, dict[str, Any]]]
    spectra: dict[Cell, dict[str, Any]]


def write_report(options: Options, findings: Findings, console: Console) -> None:
    """Write metrics.json, table.md and the pictures to the run's folder, print the table, and say where all is.

    Args:
        options: The options of the run.
        findings: What it found.
        console: Where to print.
    """
    models = _by_row((cell.row, values) for cell, values in findings.models.items())
    suffix = {n: f", N = {n}" if len(options.images) > 1 else "" for n in options.images}
    others = _by_row(
        (title + suffix[n], values)
        for (n, _), audits in findings.references.items()
        for title, values in audits.items()
    )
    spectra = _by_row((cell.row, values) for cell, values in findings.spectra.items())
    names = titles(options, next(iter(findings.models.values())))
    comparisons = _against_dsm(findings.models)
    frontiers = {key: gaps(findings.models, key) for key in names if key.startswith("frechet_")}
    folder = options.folder
    write_json(
        folder / "metrics.json",
        {
            "data": options.data,
            "features": options.feature_names,
            "names": names,
            "options": options.identity,
            "models": models,
            "references": others,
            "against_dsm": comparisons,
            "gaps": frontiers,
            "spectra": spectra,
        },
    )
    records = {cell: read_records(folder / "cells" / cell.name / "log.jsonl") for cell in findings.models}
    plots.save(folder / "samples.png", plots.sample_grids(options))
    plots.save(folder / "nearest.png", plots.nearest_pairs(options))
    plots.save(folder / "curves.png", plots.training_curves({c: log for c, log in records.items() if c.stop is None}))
    if spectra:
        plots.save(folder / "spectrum.png", plots.spectra(spectra))
    if len(options.sigma_nature) > 1 or options.stops:
        plots.save(folder / "pareto.png", plots.pareto(findings.models, others, names))
    shown = {key: title for key, title in names.items() if key in SHOWN or key.startswith(("s0", "sim"))}
    title, table = _title(options), _entries({**models, **others}, shown)
    write_atomically(folder / "table.md", lambda file: file.write_text(_markdown(title, table)))
    console.print(_rich(title, table))
    for line in (*comparisons_in_words(comparisons), *_gaps_in_words(frontiers, names)):
        console.print(line)
    console.print(f"Results: {folder}{_listing(folder)}", soft_wrap=True, highlight=False)


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


def _against_dsm(models: dict[Cell, dict[str, Any]]) -> dict[str, dict[str, float]]:
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


def _title(options: Options) -> str:
    splits = "" if len(options.seeds) == 1 else f", mean ± spread over {len(options.seeds)} splits"
    size = "" if options.resolution is None else f" at {options.resolution}x{options.resolution}"
    number = f", N = {options.images[0]}" if len(options.images) == 1 else ""
    return f"{options.data}{size}{number}, {options.samples} samples{splits}"


def _entries(rows: Rows, columns: dict[str, str]) -> list[list[str]]:
    """The table as text, its head first."""
    body = [[row, *(_entry(values, key) for key in columns)] for row, values in rows.items()]
    return [["method", *columns.values()], *body]


def _rich(title: str, entries: list[list[str]]) -> Table:
    table = Table(title=title)
    for i, name in enumerate(entries[0]):
        table.add_column(name, justify="right" if i else "left")
    for row in entries[1:]:
        table.add_row(*row)
    return table


def _markdown(title: str, entries: list[list[str]]) -> str:
    rule = ["---", *["--:"] * (len(entries[0]) - 1)]
    rows = ["| " + " | ".join(row) + " |" for row in (entries[0], rule, *entries[1:])]
    return "\n".join([title, "", *rows]) + "\n"


def _entry(values: list[dict[str, Any]], key: str) -> str:
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


def _mean(values: list[dict[str, Any]], key: str) -> float:
    return statistics.fmean(v[key] for v in values)


def _by_row(items: Any) -> Rows:
    rows: Rows = {}
    for row, values in items:
        rows.setdefault(row, []).append(values)
    return rows


def _listing(folder: Path) -> str:
    return "  (" + ", ".join(sorted(path.name for path in folder.iterdir() if path.is_file())) + ")"
