"""The pictures of an experiment."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import safetensors.torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from torch import Tensor

from ambient.features import Pixels
from ambient.files import write_atomically
from ambient.memorization import nearest
from ambient.training import LEVEL_BINS
from toy.config import Cell, Options
from toy.data import digits

matplotlib.use("agg")

SIDE = 8
"""Images a side of a sample grid."""


def save(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, atomically."""
    write_atomically(path, lambda file: figure.savefig(file, dpi=120, bbox_inches="tight", format="png"))


def sample_grids(options: Options) -> Figure:
    """Training images and the samples of each method, side by side, for the first split."""
    split = digits(options.images, options.seeds[0])
    grids = {"training images": split.train} | {cell.row: _samples(options, cell) for cell in _first_split(options)}
    columns = min(len(grids), 4)
    rows = -(-len(grids) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.5 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, (title, images) in zip(axes, grids.items(), strict=False):
        _show(axis, _tile(images[: SIDE * SIDE], SIDE))
        axis.set_title(title)
    return figure


def nearest_pairs(options: Options, pairs: int = 16) -> Figure:
    """Samples (upper rows) above their nearest training images (lower rows), for the first split."""
    split = digits(options.images, options.seeds[0])
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


def pareto(models: dict[str, list[dict[str, Any]]], references: dict[str, list[dict[str, Any]]]) -> Figure:
    """Quality against memorisation, in the manner of P2's Figure 1; lower left is better."""
    figure = Figure(figsize=(10, 4))
    for axis, key, name in zip(
        figure.subplots(1, 2), ("frechet_pixels", "frechet_classifier"), ("pixels", "classifier"), strict=True
    ):
        for row, values in {**models, **references}.items():
            x, y = _mean_and_spread(values, key), _mean_and_spread(values, "m13")
            marker = "s" if row in references else "o"
            axis.errorbar(x[0], y[0], xerr=x[1], yerr=y[1], marker=marker, capsize=2, linestyle="", label=row)
        axis.set(xlabel=f"Fréchet distance on {name}", ylabel="share of copies m13")
    figure.axes[1].legend(fontsize=7, bbox_to_anchor=(1.02, 1), loc="upper left")
    figure.tight_layout()
    return figure


def _mean_and_spread(values: list[dict[str, Any]], key: str) -> tuple[float, float]:
    numbers = [v[key] for v in values]
    return statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else 0.0


def _first_split(options: Options) -> list[Cell]:
    return [cell for cell in options.cells() if cell.seed == options.seeds[0]]


def _samples(options: Options, cell: Cell) -> Tensor:
    return safetensors.torch.load_file(options.folder / "cells" / cell.name / "samples.safetensors")["images"]


def _tile(images: Tensor, columns: int) -> np.ndarray:
    """Images (N, C, H, W) in rows of `columns`, with a light border, as (rows H', columns W')."""
    pixels = np.pad(images[:, 0].clamp(-1, 1).numpy(), ((0, 0), (0, 1), (0, 1)), constant_values=1.0)
    rows = [np.concatenate(list(pixels[i : i + columns]), axis=1) for i in range(0, len(pixels), columns)]
    width = rows[0].shape[1]
    return np.concatenate([np.pad(r, ((0, 0), (0, width - r.shape[1])), constant_values=1.0) for r in rows])


def _show(axis: Axes, image: np.ndarray) -> None:
    axis.imshow(image, cmap="gray_r", vmin=-1, vmax=1, interpolation="nearest")
