"""Tables and the plot of an experiment in exact worlds."""

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

from toy.exact.measures import MULTIPLES

Cells = Mapping[tuple[str, str, int], dict[str, Any]]
"""Results by (world, method, seed)."""


def write(cells: Cells, folder: Path, console: Console) -> None:
    """Print a table a world, and save them as `table.md` beside the plot `error.png`."""
    rows = _rows(cells)
    pages = []
    for world, methods in rows.items():
        lines = _lines(methods)
        table = Table(title=f"{world}: mean ± standard deviation over seeds")
        for name in lines[0]:
            table.add_column(name, justify="left" if name == "method" else "right")
        for line in lines[1:]:
            table.add_row(*line)
        console.print(table)
        ruled = [lines[0], ["---", *["---:"] * (len(lines[0]) - 1)], *lines[1:]]
        pages.append(f"**{world}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in ruled) + "\n")
    if rows:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "table.md").write_text("\n".join(pages))
        plot(rows, folder / "error.png")
        console.print(f"{folder / 'table.md'}, {folder / 'error.png'}", highlight=False)


def plot(rows: Mapping[str, Mapping[str, list[dict[str, float]]]], path: Path) -> None:
    """Relative error against level, one panel a world, one colour a method; bars span the seeds."""
    shown = [
        name for name in dict.fromkeys(m for methods in rows.values() for m in methods) if not name.endswith("stop")
    ]
    colours = {method: f"C{i}" for i, method in enumerate(shown)}
    figure, axes = plt.subplots(1, len(rows), figsize=(5 * len(rows), 4), squeeze=False, sharey=True)
    for axis, (world, methods) in zip(axes[0], rows.items(), strict=True):
        for method, seeds in methods.items():
            if method.endswith("stop"):
                continue
            values = [[seed[f"error {m:g}"] for seed in seeds] for m in MULTIPLES]
            middle = [statistics.mean(v) for v in values]
            spread = [[m - min(v) for m, v in zip(middle, values, strict=True)],
                      [max(v) - m for m, v in zip(middle, values, strict=True)]]  # fmt: skip
            axis.errorbar(MULTIPLES, middle, spread, marker="o", capsize=2, color=colours[method])
        axis.set(xscale="log", yscale="log", title=world, xlabel="level / nature level")
        axis.set_xticks(MULTIPLES, ["1/8", "1/4", "1/2", "1", "2"])
        axis.minorticks_off()
        axis.axhline(1, color="grey", linewidth=0.5)
    axes[0][0].set_ylabel("E|h - h*|² / E|x - h*|²")
    for method, colour in colours.items():
        axes[0][0].plot([], [], marker="o", color=colour, label=method)
    handles, labels = axes[0][0].get_legend_handles_labels()
    axes[0][-1].legend(handles, labels, fontsize="small", loc="upper left", bbox_to_anchor=(1.02, 1))
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


def _rows(cells: Cells) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Measures by world and method, a list over seeds; early stopping is a method of its own."""
    rows: dict[str, dict[str, list[dict[str, float]]]] = {}
    for (world, method, _), result in cells.items():
        methods = rows.setdefault(world, {})
        seconds = {"seconds": result["seconds"]}
        methods.setdefault(method, []).append(result["full"] | seconds)
        if "stop" in result:
            methods.setdefault(f"{method}, early stop", []).append(result["stop"] | seconds)
    return rows


def _lines(methods: Mapping[str, list[dict[str, float]]]) -> list[list[str]]:
    """Header and rows of one world's table; below t_n, early stopping has no error of its own."""
    lines = [["method", "seeds", "exED", "/ oracle", "sliced", *(f"{m:g} σ_n" for m in MULTIPLES), "time / ambient"]]
    oracle = _mean(methods, "oracle", "energy")
    ambient = _mean(methods, "ambient", "seconds")
    for method, seeds in methods.items():
        energy = statistics.mean(seed["energy"] for seed in seeds)
        ratio = f"{energy / oracle:.1f}" if oracle > 0 else "-"
        measured = [_spread([seed[key] for seed in seeds]) for key in ("energy", "sliced")]
        errors = ["-" if "stop" in method and m < 1 else _spread([s[f"error {m:g}"] for s in seeds]) for m in MULTIPLES]
        time = f"{statistics.mean(seed['seconds'] for seed in seeds) / ambient:.1f}" if ambient > 0 else "-"
        lines.append([method, str(len(seeds)), measured[0], ratio, measured[1], *errors, time])
    return lines


def _mean(methods: Mapping[str, list[dict[str, float]]], method: str, key: str) -> float:
    """Of one measure of one method over the seeds; 0 where the method is not there."""
    return statistics.mean(seed[key] for seed in methods[method]) if method in methods else 0.0


def _spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    mean = f"{statistics.mean(values):.3g}"
    return mean + (f"±{statistics.stdev(values):.1g}" if len(values) > 1 else "")
