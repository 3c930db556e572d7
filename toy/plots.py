"""The pictures of an experiment."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from torch import Tensor

from ambient.metrics.distances import nearest
from ambient.metrics.features import Pixels
from ambient.runs.files import write_atomically
from ambient.training import LEVEL_BINS
from toy.cell import cell_folder, load_samples
from toy.config import Cell, Options
from toy.data import Split, split_of

matplotlib.use("agg")

SIDE = 8
"""Images a side of a sample grid."""


def save(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, atomically."""
    write_atomically(path, lambda file: figure.savefig(file, dpi=120, bbox_inches="tight", format="png"))


def sample_grids(options: Options) -> Figure:
    """Training images and the samples of each method, side by side, for the first split."""
    split = _split(options)
    grids = {"training images": split.train} | {cell.row: _samples(options, cell) for cell in _first_split(options)}
    columns = min(len(grids), 4)
    rows = -(-len(grids) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.5 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, (title, images) in zip(axes, grids.items(), strict=False):
        _show(axis, _tile(images[: SIDE * SIDE], SIDE))
        axis.set_title(title, fontsize=8)
    return figure


def nearest_pairs(options: Options, pairs: int = 16) -> Figure:
    """Samples (upper rows) above their nearest training images (lower rows), for the first split."""
    split = _split(options)
    cells = _first_split(options)
    figure = Figure(figsize=(0.55 * pairs, 1.5 * len(cells)))
    axes = figure.subplots(len(cells), 1, squeeze=False).ravel()
    pixels = Pixels()
    for axis, cell in zip(axes, cells, strict=True):
        samples = _samples(options, cell)[:pairs]
        _, rows = nearest(pixels(samples), pixels(split.train))
        both = np.concatenate([_tile(samples, pairs), _tile(split.train[rows[:, 0]], pairs)])
        _show(axis, both)
        axis.set_title(f"{cell.row}: samples above, nearest training images below", fontsize=9)
        axis.axis("off")
    figure.tight_layout()
    return figure


def training_curves(records: dict[Cell, list[dict[str, Any]]]) -> Figure:
    """Loss against images seen, and against level over the last quarter of training; a line a cell, a colour a row."""
    figure = Figure(figsize=(10, 3.6))
    over_time, over_level = figure.subplots(1, 2)
    centres = (LEVEL_BINS[1:] * LEVEL_BINS[:-1]).sqrt().numpy()
    colours = {row: f"C{i}" for i, row in enumerate(dict.fromkeys(cell.row for cell in records))}
    for cell, log in records.items():
        style: dict[str, Any] = {"color": colours[cell.row], "linewidth": 1}
        over_time.plot([r["images"] for r in log], [r["loss"] for r in log], **style)
        late = log[-max(1, len(log) // 4) :]
        total = np.sum([r["level_sum"] for r in late], 0)
        count = np.sum([r["level_count"] for r in late], 0)
        enough = count > 20
        over_level.plot(centres[enough], total[enough] / count[enough], **style)
    over_time.set(xlabel="images seen", ylabel="weighted loss", title="training")
    over_level.set(xlabel="noise level σ / α", ylabel="weighted loss", xscale="log", title="last quarter, by level")
    over_time.xaxis.set_major_formatter(EngFormatter(sep=""))
    for row, colour in colours.items():
        over_level.plot([], [], color=colour, label=row)
    over_level.legend(fontsize=7)
    figure.tight_layout()
    return figure


def pareto(
    models: dict[Cell, dict[str, Any]], references: dict[str, list[dict[str, Any]]], names: dict[str, str]
) -> Figure:
    """Quality against memorisation, in the manner of P2's Figure 1; lower left is better.

    Models that differ only in their nature level, or in when they stop, are joined by a line: DSM stopped early is the
    frontier that any other method has to leave. The axis ends at twice the largest distance of DSM and Algorithm 1;
    what lies beyond is named.
    """
    keys = [key for key in names if key.startswith("frechet_")]
    copies = "m13"
    figure = Figure(figsize=(4.6 * len(keys) + 2.5, 4.4))
    families: dict[tuple[Any, ...], dict[Cell, list[dict[str, Any]]]] = {}
    for cell, values in models.items():
        same = replace(cell, seed=0)
        families.setdefault((cell.method, cell.images), {}).setdefault(same, []).append(values)
    for axis, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
        for i, members in enumerate(families.values()):
            _family(axis, members, key, copies, f"C{i}")
        for row, audits in references.items():
            x, y = _mean_and_spread(audits, key), _mean_and_spread(audits, copies)
            axis.errorbar(x[0], y[0], xerr=x[1], yerr=y[1], marker="s", capsize=2, linestyle="", label=row, color="0.5")
        axis.set(xlabel=names[key].replace("FD", "Fréchet distance,"), ylabel=f"share of copies {names[copies]}")
        _cut(axis, models, references, key)
    figure.axes[-1].legend(fontsize=7, bbox_to_anchor=(1.02, 1), loc="upper left")
    figure.tight_layout()
    return figure


def _cut(axis: Axes, models: dict[Cell, dict[str, Any]], references: dict[str, list[dict[str, Any]]], key: str) -> None:
    """End the axis where DSM and Algorithm 1 are still well seen, and name what lies beyond."""
    near = [values[key] for cell, values in models.items() if cell.method in ("dsm", "hybrid")]
    end = 2 * max([*near, *(v[key] for audits in references.values() for v in audits)])
    rows: dict[str, list[float]] = {}
    for cell, values in models.items():
        rows.setdefault(cell.row, []).append(values[key])
    far = {row: statistics.fmean(found) for row, found in rows.items() if statistics.fmean(found) > end}
    if near and far:
        axis.set_xlim(0, end)
        text = "beyond: " + "\n".join(f"{row} at {distance:.3g}" for row, distance in far.items())
        axis.text(0.98, 0.5, text, fontsize=6, ha="right", transform=axis.transAxes)


def _family(axis: Axes, members: dict[Cell, list[dict[str, Any]]], key: str, copies: str, colour: str) -> None:
    """The models of one method, joined in the order of their levels or of their stops."""
    points = []
    for cell, values in members.items():
        x, y = _mean_and_spread(values, key), _mean_and_spread(values, copies)
        auto = cell.sigma_nature == "auto"
        marker = "*" if auto else "o" if cell.stop is None else "v"
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 11 if auto else 5}
        axis.errorbar(x[0], y[0], xerr=x[1], yerr=y[1], capsize=2, linestyle="", alpha=0.9, elinewidth=0.6, **style)
        place = statistics.fmean(v.get("sigma_nature", 0.0) for v in values)
        points.append((place, cell.stop or 10**9, x[0], y[0], cell))
        text = f"{place:.2g}" if place else "" if cell.stop is None else str(cell.stop)
        axis.annotate(text, (x[0], y[0]), fontsize=6, textcoords="offset points", xytext=(4, 3), color=colour)
    points.sort(key=lambda point: point[:2])
    whole = next((p[4] for p in points if p[4].stop is None), points[0][4])
    title = replace(whole, sigma_nature=None, stop=None).row
    extra = ", by σ_n" if whole.sigma_nature is not None else ", by steps" if len(points) > 1 else ""
    axis.plot([p[2] for p in points], [p[3] for p in points], color=colour, linewidth=1, label=title + extra)
    if any(p[4].sigma_nature == "auto" for p in points):
        axis.plot([], [], "*", color=colour, markersize=8, label=f"{title}, σ_n = auto")


def spectra(rows: dict[str, list[dict[str, Any]]]) -> Figure:
    """The memorisation spectrum: where on the line from generalising (0) to copying (1) each network is, by level."""
    figure = Figure(figsize=(12, 4))
    axes = figure.subplots(1, 2, sharey=True)
    rows = {row: records for row, records in rows.items() if "stopped at" not in row}
    for axis, queries in zip(axes, ("held_out", "train"), strict=True):
        for i, (row, records) in enumerate(rows.items()):
            sigma = records[0][queries]["sigma"]
            share = np.mean([record[queries]["share"] for record in records], 0)
            style = "-" if i < 10 else "--"
            axis.plot(sigma, share, style, color=f"C{i % 10}", marker=".", linewidth=1, label=row)
        axis.axhline(0, color="0.7", linewidth=0.6)
        axis.axhline(1, color="0.7", linewidth=0.6)
        title = {"held_out": "at noisy held-out images", "train": "at noisy training images"}[queries]
        axis.set(xscale="log", xlabel="noise level σ", title=title)
    reference = next(iter(rows.values()))[0]["reference"]
    axes[0].set(ylabel=f"0: {reference}\n1: the training set's optimal denoiser", ylim=(-0.3, 1.3))
    axes[1].legend(fontsize=6.5, bbox_to_anchor=(1.02, 1), loc="upper left")
    figure.tight_layout()
    return figure


def _mean_and_spread(values: list[dict[str, Any]], key: str) -> tuple[float, float]:
    numbers = [v[key] for v in values]
    return statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else 0.0


def _split(options: Options) -> Split:
    return split_of(options.sources, options.images[0], options.seeds[0])


def _first_split(options: Options) -> list[Cell]:
    """The cells of the first split that have a picture of their own."""
    first = (options.seeds[0], options.images[0], None)
    return [cell for cell in options.cells() if (cell.seed, cell.images, cell.stop) == first]


def _samples(options: Options, cell: Cell) -> Tensor:
    return load_samples(cell_folder(options, cell))


def _tile(images: Tensor, columns: int) -> np.ndarray:
    """Images (N, C, H, W) in rows of `columns`, with a light border, as (rows H', columns W', C); digits are dark."""
    pixels = images.clamp(-1, 1).permute(0, 2, 3, 1).numpy() * (-1 if images.shape[1] == 1 else 1) / 2 + 0.5
    pixels = np.pad(pixels, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=1.0)
    rows = [np.concatenate(list(pixels[i : i + columns]), axis=1) for i in range(0, len(pixels), columns)]
    width = max(r.shape[1] for r in rows)
    return np.concatenate([np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=1.0) for r in rows])


def _show(axis: Axes, image: np.ndarray) -> None:
    axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
