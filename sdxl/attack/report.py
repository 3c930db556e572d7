"""Tables and pictures of an attack: similarities in numbers, their histograms, and grids with the originals beside."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from rich.console import Console

from ambient.attacks import histogram
from ambient.metrics.dominance import Dominance, dominance
from ambient.metrics.similarity import P1_THRESHOLDS, SimilaritySummary, summarise
from ambient.runs.figures import save_figure
from ambient.runs.files import save_tensors, write_text
from ambient.runs.pictures import pixels_of
from ambient.runs.results import write_results
from ambient.runs.tables import markdown, rich_table
from sdxl.attack.chunks import MeasuredRestoration, picture

COLUMNS = 8
"""Images a grid: half of them the most similar, the others evenly spread over the data."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How far the similarities of A lie above those of B.

    Attributes:
        a: Name of A.
        b: Name of B.
        measure: "nearest" to any image, or each image's "own".
        paired: Whether both restored the same images.
        dominance: How far.
    """

    a: str
    b: str
    measure: str
    paired: bool
    dominance: Dominance


@dataclasses.dataclass(frozen=True, eq=False)
class AttackResult:
    """How similar the restorations of an attack are.

    Attributes:
        folder: Where everything is.
        features: What similarities are measured on.
        restorations: Similarities, in the order of the table.
        summaries: Of the largest similarities, in the same order.
        comparisons: Of the first checkpoint with the others, and of the data with held-out images.
        note: What a reader of the table must know.
    """

    folder: Path
    features: str
    restorations: Sequence[MeasuredRestoration]
    summaries: Sequence[SimilaritySummary]
    comparisons: Sequence[Comparison]
    note: str


def make_result(
    folder: Path, features: str, measured: Sequence[MeasuredRestoration], note: str, seed: int
) -> AttackResult:
    """Summaries and comparisons, by bootstrap, of what was measured."""
    summaries = [summarise(row.similarities.nearest, P1_THRESHOLDS) for row in measured]
    return AttackResult(folder, features, measured, summaries, list(_comparisons(measured, seed)), note)


def write_result(result: AttackResult, console: Console) -> None:
    """Write similarities.json and .safetensors, table.md, histogram.png and the grids; print the tables."""
    folder = result.folder
    write_results(folder / "similarities.json", as_json(result))
    tensors: dict[str, torch.Tensor] = {}
    for row in result.restorations:
        values = {"index": row.index, "own": row.similarities.own, "nearest": row.similarities.nearest}
        tensors |= {f"{row.name}.{key}": value for key, value in values.items()}
    save_tensors(folder / "similarities.safetensors", tensors)
    save_figure(folder / "histogram.png", histograms(result))
    for row in {(row.images, row.checkpoint): row for row in result.restorations}.values():
        save_figure(folder / f"grid-{row.images}-{row.checkpoint}.png".replace(" ", "-"), _grid(result, row))
    title = f"Similarity of restorations on {result.features} features ({result.note})"
    tables = [(title, _entries(result))]
    if result.comparisons:
        tables.append(("Does A lie above B? With 95 % bootstrap intervals", _comparison_entries(result)))
    for heading, entries in tables:
        console.print(rich_table(heading, entries))
    text = "\n".join(markdown(heading, entries) for heading, entries in tables)
    write_text(folder / "table.md", text)


def as_json(result: AttackResult) -> dict[str, Any]:
    """The result as JSON, without the similarities of single images; with their histograms."""
    rows = []
    for row, summary in zip(result.restorations, result.summaries, strict=True):
        edges, shares = histogram(row.similarities.nearest)
        rows.append(
            {
                "images": row.images,
                "checkpoint": row.checkpoint,
                "restoration": row.restoration,
                "count": len(row.index),
                "nearest_mean": summary.mean,
                "nearest_quantile_95": summary.quantile_95,
                "shares_above": {str(threshold): share for threshold, share in summary.shares.items()},
                "own_mean": float(row.similarities.own.mean()),
                "identified": row.similarities.identified(torch.arange(len(row.index))),
                "histogram": {"edges": edges.tolist(), "shares": shares.tolist()},
            }
        )
    comparisons = [dataclasses.asdict(comparison) for comparison in result.comparisons]
    return {"features": result.features, "note": result.note, "rows": rows, "comparisons": comparisons}


def histograms(result: AttackResult) -> Figure:
    """P1's Figure 3 and 8: how the largest similarities are distributed, a panel for each restoration."""
    panels = list(dict.fromkeys(row.restoration for row in result.restorations))
    lines = list(dict.fromkeys((row.checkpoint, row.images) for row in result.restorations))
    low = min(0.0, *(float(row.similarities.nearest.min()) for row in result.restorations))
    figure = Figure(figsize=(4.2 * len(panels), 3.4))
    for axis, panel in zip(figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels, strict=True):
        for row in (row for row in result.restorations if row.restoration == panel):
            edges, shares = histogram(row.similarities.nearest, 40, low, 1.0)
            line = lines.index((row.checkpoint, row.images))
            label = row.checkpoint + ("" if row.images == "data" else f", {row.images}")
            style = {"fill": True, "alpha": 0.4} if line == 0 else {"linewidth": 1.4}
            axis.stairs(shares.numpy(), edges.numpy(), label=label, color=f"C{line}", **style)
        axis.set(title=panel, xlabel="largest similarity")
    figure.axes[0].set_ylabel("share of images")
    figure.axes[-1].legend(fontsize=7)
    figure.suptitle(result.features, fontsize=9)
    figure.tight_layout()
    return figure


def _comparisons(measured: Sequence[MeasuredRestoration], seed: int) -> Iterator[Comparison]:
    first = measured[0].checkpoint
    by_key = {(row.images, row.checkpoint, row.restoration): row for row in measured}
    for row in measured:
        base = by_key[row.images, first, row.restoration]
        if row.checkpoint != first and torch.equal(base.index, row.index):
            a, b = base.similarities.nearest, row.similarities.nearest
            yield Comparison(base.name, row.name, "nearest", True, dominance(a, b, paired=True, seed=seed))
    for row in measured:
        other = by_key.get(("held out", row.checkpoint, row.restoration))
        if row.images == "data" and other is not None:
            a, b = row.similarities.own, other.similarities.own
            yield Comparison(row.name, other.name, "own", False, dominance(a, b, paired=False, seed=seed))


def _entries(result: AttackResult) -> list[list[str]]:
    thresholds = [f"S > {threshold:g}" for threshold in P1_THRESHOLDS]
    head = ["restoration", "N", "nearest", "95 %", *thresholds, "own", "identified"]
    rows = []
    for row, summary in zip(result.restorations, result.summaries, strict=True):
        own, identified = row.similarities.own.mean(), row.similarities.identified(torch.arange(len(row.index)))
        numbers = [summary.mean, summary.quantile_95, *summary.shares.values(), float(own), identified]
        rows.append([row.name, str(len(row.index)), *(f"{number:.3f}" for number in numbers)])
    return [head, *rows]


def _comparison_entries(result: AttackResult) -> list[list[str]]:
    """A row for each comparison; of B only what sets it apart from A."""
    head = ["A", "B", "similarity", "P(A > B)", "mean A - B", "violation"]
    rows = []
    for entry in result.comparisons:
        how_far = entry.dominance
        _, comma, restoration = entry.a.partition(",")
        other = "held out" if entry.b == f"{entry.a}, held out" else entry.b.removesuffix(comma + restoration)
        figures = map(str, (how_far.superiority, how_far.difference, how_far.violation))
        rows.append([entry.a, other, entry.measure, *figures])
    return [head, *rows]


def _grid(result: AttackResult, row: MeasuredRestoration) -> Figure:
    """Originals above what the model was shown and made of them; the most similar ones left, others right."""
    mine = [r for r in result.restorations if (r.images, r.checkpoint) == (row.images, row.checkpoint)]
    score = mine[-1].similarities.own
    half = min(COLUMNS // 2, len(score))
    spread = torch.linspace(0, len(score) - 1, half).round().long().tolist()
    columns = list(dict.fromkeys([*score.argsort(descending=True)[:half].tolist(), *spread]))
    folder = result.folder / "images" / row.images.replace(" ", "-") / "shown"
    shown = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
    kinds = ["originals", *(f"shown/{name}" for name in shown), *(f"{row.checkpoint}/{r.restoration}" for r in mine)]
    figure = Figure(figsize=(1.3 * len(columns) + 1.2, 1.45 * len(kinds)))
    axes = figure.subplots(len(kinds), len(columns), squeeze=False)
    for i, kind in enumerate(kinds):
        for axis, column in zip(axes[i], columns, strict=True):
            path = picture(result.folder, row.images, kind, int(row.index[column]))
            axis.imshow(pixels_of(path), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            if i > len(shown):
                values = mine[i - 1 - len(shown)].similarities
                axis.set_xlabel(f"{float(values.own[column]):.2f}", fontsize=7, labelpad=1)
        axes[i][0].set_ylabel(kind.split("/", 1)[-1].replace("-", " "), fontsize=7, rotation=0, ha="right", va="center")
    figure.suptitle(f"{row.checkpoint}, {row.images}: similarity to the original under each", fontsize=9)
    figure.tight_layout()
    return figure
