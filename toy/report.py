"""What an experiment shows: the table, the pictures and `metrics.json`."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ambient.files import read_records, write_atomically, write_json
from toy import plots
from toy.config import Cell, Options

COLUMNS = {
    "frechet_pixels": ("FD pixels", "{:.2f}"),
    "frechet_classifier": ("FD classifier", "{:.2f}"),
    "m13": ("m13", "{:.3f}"),
    "s95": ("S.95", "{:.2f}"),
    "p_train": ("P_tr", "{:.3f}"),
    "seconds": ("train s", "{:.0f}"),
}

Rows = dict[str, list[dict[str, Any]]]
"""Row title -> metrics of each split."""


def write_report(
    options: Options,
    metrics: dict[Cell, dict[str, Any]],
    references: dict[int, dict[str, dict[str, Any]]],
    console: Console,
) -> None:
    """Write metrics.json, table.md and the pictures to the run's folder, print the table, and say where all is.

    Args:
        options: The options of the run.
        metrics: Of each cell.
        references: Audits of sets that need no model, by split and row title.
        console: Where to print.
    """
    models = _by_row((cell.row, values) for cell, values in metrics.items())
    others = _by_row(item for audits in references.values() for item in audits.items())
    comparisons = _against_dsm(models)
    folder = options.folder
    write_json(folder / "metrics.json", {"models": models, "references": others, "against_dsm": comparisons})
    records = {cell: read_records(folder / "cells" / cell.name / "log.jsonl") for cell in metrics}
    plots.save(folder / "samples.png", plots.sample_grids(options))
    plots.save(folder / "nearest.png", plots.nearest_pairs(options))
    plots.save(folder / "curves.png", plots.training_curves(records))
    if len(options.sigma_nature) > 1:
        plots.save(folder / "pareto.png", plots.pareto(models, others))
    title, table = _title(options), _entries({**models, **others})
    write_atomically(folder / "table.md", lambda file: file.write_text(_markdown(title, table)))
    console.print(_rich(title, table))
    for line in comparisons_in_words(comparisons):
        console.print(line)
    console.print(f"Results: {folder}{_listing(folder)}", soft_wrap=True, highlight=False)


def comparisons_in_words(comparisons: dict[str, dict[str, float]]) -> list[str]:
    """One line for each row that is compared with DSM."""
    return [
        f"{row}: {values['m13']:.2f} times DSM's m13 at {values['frechet_pixels']:.2f} times its pixel Fréchet distance"
        for row, values in comparisons.items()
    ]


def _against_dsm(models: Rows) -> dict[str, dict[str, float]]:
    """Ratios of means over splits to DSM's."""
    if "DSM" not in models:
        return {}
    keys = ("m13", "frechet_pixels", "frechet_classifier")
    base = {key: _mean(models["DSM"], key) for key in keys}
    return {
        row: {key: _mean(values, key) / base[key] for key in keys if base[key] > 0}
        for row, values in models.items()
        if row != "DSM" and base["m13"] > 0
    }


def _title(options: Options) -> str:
    splits = "" if len(options.seeds) == 1 else f", mean ± spread over {len(options.seeds)} splits"
    return f"{options.data}, N = {options.images}, {options.samples} samples{splits}"


def _entries(rows: Rows) -> list[list[str]]:
    """The table as text, its head first."""
    head = ["method", *(title for title, _ in COLUMNS.values())]
    body = [[row, *(_entry(v, key, form) for key, (_, form) in COLUMNS.items())] for row, v in rows.items()]
    return [head, *body]


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


def _entry(values: list[dict[str, Any]], key: str, form: str) -> str:
    if key not in values[0]:
        return "–"
    text = form.format(_mean(values, key))
    if len(values) > 1:
        text += " ± " + form.format(statistics.stdev(v[key] for v in values))
    return text


def _mean(values: list[dict[str, Any]], key: str) -> float:
    return statistics.fmean(v[key] for v in values)


def _by_row(items: Any) -> Rows:
    rows: Rows = {}
    for row, values in items:
        rows.setdefault(row, []).append(values)
    return rows


def _listing(folder: Path) -> str:
    return "  (" + ", ".join(sorted(path.name for path in folder.iterdir() if path.is_file())) + ")"
