"""Tables and the plot of `benchmarks.below_nature`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from rich.console import Console
from rich.table import Table

from benchmarks.measures import MULTIPLES

Cells = Mapping[tuple[str, str, int], dict[str, Any]]
"""Results by (world, method, seed)."""


def write(cells: Cells, folder: Path, console: Console) -> None:
    """Print a table a world, and save it as `table.txt` beside the plot `error.png`."""
    saved = Console(record=True, width=132, file=open("/dev/null", "w"))  # noqa: SIM115
    rows = _rows(cells)
    for world in dict.fromkeys(name for name, _, _ in cells):
        table = _table(world, rows[world])
        console.print(table)
        saved.print(table)
    if rows:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "table.txt").write_text(saved.export_text())
        plot(rows, folder / "error.png")
        console.print(f"{folder / 'table.txt'}, {folder / 'error.png'}", highlight=False)


def plot(rows: Mapping[str, Mapping[str, list[dict[str, float]]]], path: Path) -> None:
    """Relative error against level, one panel a world, one line a method; bars span the seeds."""
    figure, axes = plt.subplots(1, len(rows), figsize=(5 * len(rows), 4), squeeze=False, sharey=True)
    for axis, (world, methods) in zip(axes[0], rows.items(), strict=True):
        for method, seeds in methods.items():
            if method.endswith("stop"):
                continue
            values = [[seed[f"error {m:g}"] for seed in seeds] for m in MULTIPLES]
            middle = [statistics.mean(v) for v in values]
            spread = [[m - min(v) for m, v in zip(middle, values, strict=True)],
                      [max(v) - m for m, v in zip(middle, values, strict=True)]]  # fmt: skip
            axis.errorbar(MULTIPLES, middle, spread, marker="o", capsize=2, label=method)
        axis.set(xscale="log", yscale="log", title=world, xlabel="level / nature level")
        axis.axhline(1, color="grey", linewidth=0.5)
    axes[0][0].set_ylabel("E|h - h*|² / E|x - h*|²")
    axes[0][-1].legend(fontsize="small")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


def _rows(cells: Cells) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Measures by world and method, a list over seeds; early stopping is a method of its own."""
    rows: dict[str, dict[str, list[dict[str, float]]]] = {}
    for (world, method, _), result in cells.items():
        methods = rows.setdefault(world, {})
        methods.setdefault(method, []).append(result["full"])
        if "stop" in result:
            methods.setdefault(f"{method}, early stop", []).append(result["stop"])
    return rows


def _table(world: str, methods: Mapping[str, list[dict[str, float]]]) -> Table:
    table = Table(title=f"{world}: mean ± standard deviation over seeds")
    levels = [f"error {m:g}" for m in MULTIPLES]
    for column in ("method", "seeds", "exED", "/ oracle", "sliced", *(f"{m:g} σ_n" for m in MULTIPLES)):
        table.add_column(column, justify="left" if column == "method" else "right")
    oracle = statistics.mean(seed["energy"] for seed in methods["oracle"]) if "oracle" in methods else None
    for method, seeds in methods.items():
        energy = statistics.mean(seed["energy"] for seed in seeds)
        ratio = f"{energy / oracle:.1f}" if oracle and oracle > 0 else "-"
        errors = ["-" if "stop" in method and m < 1 else _spread([s[k] for s in seeds], 3)
                  for m, k in zip(MULTIPLES, levels, strict=True)]  # fmt: skip
        measured = [_spread([seed[key] for seed in seeds], 3) for key in ("energy", "sliced")]
        table.add_row(method, str(len(seeds)), measured[0], ratio, measured[1], *errors)
    return table


def _spread(values: list[float], digits: int) -> str:
    mean = statistics.mean(values)
    return f"{mean:.{digits}g}" + (f"±{statistics.stdev(values):.1g}" if len(values) > 1 else "")
