"""Tables and the plot of an experiment in exact worlds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console

from ambient.runs.figures import save_figure
from ambient.runs.files import write_text
from ambient.runs.tables import markdown, rich_table
from benchmarks.below_nature.measures import MULTIPLES

Cells = Mapping[tuple[str, str, int], dict[str, Any]]
"""Results by (world, method, seed)."""
Seeds = list[dict[str, float]]
"""Measures of one method in one world, a repetition each."""

_EARLY_STOP = ", early stop"


def write(cells: Cells, folder: Path, console: Console) -> None:
    """Print a table a world, and save them as `table.md` beside the plot `error.png`; says so if there is nothing."""
    rows = _rows(cells)
    if not rows:
        console.print(f"{folder} holds no results of these worlds, methods and seeds", highlight=False)
        return
    pages = []
    for world, methods in rows.items():
        lines = _lines(methods)
        console.print(rich_table(f"{world}: mean ± standard deviation over seeds", lines))
        pages.append(markdown(f"**{world}**", lines))
    write_text(folder / "table.md", "\n".join(pages))
    save_figure(folder / "error.png", _plot(rows))
    console.print(f"{folder / 'table.md'}, {folder / 'error.png'}", highlight=False)


def _plot(rows: Mapping[str, Mapping[str, Seeds]]) -> Figure:
    """Relative error against level, one panel a world, one colour a method; bars span the seeds.

    Early stopping is not shown: it has no error of its own below the nature level.
    """
    names = dict.fromkeys(name for methods in rows.values() for name in methods if not name.endswith(_EARLY_STOP))
    colours = {method: f"C{i}" for i, method in enumerate(names)}
    figure = Figure(figsize=(5 * len(rows), 4))
    axes = figure.subplots(1, len(rows), squeeze=False, sharey=True)[0]
    for axis, (world, methods) in zip(axes, rows.items(), strict=True):
        for method, colour in colours.items():
            if method in methods:
                values = [[seed[f"error {m:g}"] for seed in methods[method]] for m in MULTIPLES]
                middle = [statistics.mean(v) for v in values]
                below = [m - min(v) for m, v in zip(middle, values, strict=True)]
                above = [max(v) - m for m, v in zip(middle, values, strict=True)]
                axis.errorbar(MULTIPLES, middle, [below, above], marker="o", capsize=2, color=colour)
        axis.set(xscale="log", yscale="log", title=world, xlabel="level / nature level")
        axis.set_xticks(MULTIPLES, ["1/8", "1/4", "1/2", "1", "2"])
        axis.minorticks_off()
        axis.axhline(1, color="grey", linewidth=0.5)
    axes[0].set_ylabel("E|h - h*|² / E|x - h*|²")
    for method, colour in colours.items():
        axes[0].plot([], [], marker="o", color=colour, label=method)
    handles, labels = axes[0].get_legend_handles_labels()
    axes[-1].legend(handles, labels, fontsize="small", loc="upper left", bbox_to_anchor=(1.02, 1))
    return figure


def _rows(cells: Cells) -> dict[str, dict[str, Seeds]]:
    """Measures by world and method, a list over seeds; early stopping is a method of its own."""
    rows: dict[str, dict[str, Seeds]] = {}
    for (world, method, _), result in cells.items():
        methods = rows.setdefault(world, {})
        seconds = {"seconds": result["seconds"]}
        methods.setdefault(method, []).append(result["full"] | seconds)
        if "stop" in result:
            methods.setdefault(method + _EARLY_STOP, []).append(result["stop"] | seconds)
    return rows


def _lines(methods: Mapping[str, Seeds]) -> list[list[str]]:
    """Header and rows of one world's table; below t_n, early stopping has no error of its own."""
    lines = [["method", "seeds", "exED", "/ oracle", "sliced", *(f"{m:g} σ_n" for m in MULTIPLES), "time / ambient"]]
    oracle = _mean(methods, "oracle", "energy")
    ambient = _mean(methods, "ambient", "seconds")
    for method, seeds in methods.items():
        stopped = method.endswith(_EARLY_STOP)
        energy = statistics.mean(seed["energy"] for seed in seeds)
        ratio = f"{energy / oracle:.1f}" if oracle > 0 else "-"
        measured = [_spread([seed[key] for seed in seeds]) for key in ("energy", "sliced")]
        errors = ["-" if stopped and m < 1 else _spread([s[f"error {m:g}"] for s in seeds]) for m in MULTIPLES]
        time = f"{statistics.mean(seed['seconds'] for seed in seeds) / ambient:.1f}" if ambient > 0 else "-"
        lines.append([method, str(len(seeds)), measured[0], ratio, measured[1], *errors, time])
    return lines


def _mean(methods: Mapping[str, Seeds], method: str, key: str) -> float:
    """Of one measure of one method over the seeds; 0 where the method is not there."""
    return statistics.mean(seed[key] for seed in methods[method]) if method in methods else 0.0


def _spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    mean = f"{statistics.mean(values):.3g}"
    return mean + (f"±{statistics.stdev(values):.1g}" if len(values) > 1 else "")
