"""Tables of an evaluation: P1's Table 1, and P2's Table 3 with the shares of P1's thresholds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ambient.metrics.similarity import P1_THRESHOLDS
from ambient.runs.files import write_text
from ambient.runs.results import write_results
from ambient.runs.tables import markdown, rich_table


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The results of an evaluation, as JSON-like values.

    Attributes:
        folder: Where everything is.
        results: By checkpoint: "restoration" (a list by step), "vae" (its pixel MSE alone) and "generation".
        names: "distance", "similarity" and "clip": what the figures of generated images are called.
    """

    folder: Path
    results: dict[str, dict[str, Any]]
    names: dict[str, str]


def write_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Write results.json and table.md, and print the tables."""
    record = dataclasses.asdict(evaluation) | {"folder": str(evaluation.folder)}
    write_results(evaluation.folder / "results.json", record)
    tables = []
    first = next(iter(evaluation.results.values()))
    if "restoration" in first:
        tables.append(("Restoration, mean (standard deviation) over images", _restoration_entries(evaluation)))
    if "distance" in first:
        names = evaluation.names
        distance = "" if names["distance"] == "FID" else f"FD: {names['distance']}; "
        title = f"{first['images']} generated images. {distance}Sim: {names['similarity']}; CLIP: {names['clip']}"
        tables.append((title, _generation_entries(evaluation)))
    for title, entries in tables:
        console.print(rich_table(title, entries))
    text = "\n".join(markdown(title, entries) for title, entries in tables)
    write_text(evaluation.folder / "table.md", text)


def _restoration_entries(evaluation: Evaluation) -> list[list[str]]:
    """P1's Table 1: a row for each step and checkpoint, and the VAE alone."""
    rows = [["t", "checkpoint", "latent MSE", "pixel MSE"]]
    results = evaluation.results
    first = next(iter(results.values()))
    for i, entry in enumerate(first["restoration"]):
        for name, result in results.items():
            figures = [_spread(result["restoration"][i][key]) for key in ("latent", "pixel")]
            rows.append([str(entry["step"]), name, *figures])
    return [*rows, ["0", "VAE alone", "–", _spread(first["vae"])]]


def _generation_entries(evaluation: Evaluation) -> list[list[str]]:
    """P2's Table 3, with the shares of P1's thresholds."""
    shares = [f"S > {threshold:g}" for threshold in P1_THRESHOLDS]
    distance = "FID" if evaluation.names["distance"] == "FID" else "FD"
    rows = [["checkpoint", distance, "Sim", "95 %", *shares, "CLIP"]]
    for name, result in evaluation.results.items():
        figures = [result["similarity"], result["similarity_95"], *result["shares_above"].values()]
        clip = "–" if result["clip"] is None else f"{result['clip']:.3f}"
        rows.append([name, f"{result['distance']:.2f}", *(f"{figure:.3f}" for figure in figures), clip])
    return rows


def _spread(values: dict[str, float]) -> str:
    return f"{values['mean']:.4f} ({values['std']:.4f})"
