"""The pictures of an experiment."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray
from torch import Tensor

from ambient.metrics.distances import nearest
from ambient.metrics.features import Pixels
from ambient.training import LEVEL_BINS
from toy.cells import Cell

SIDE = 8
"""Images a side of a sample grid."""
Picture = NDArray[np.float32]
Metrics = Mapping[str, Any]


def sample_grids(train: Tensor, samples: Mapping[str, Tensor]) -> Figure:
    """Training images and the samples of each method, side by side.

    Args:
        train: (N, C, H, W), in [-1, 1].
        samples: (M, C, H, W), by title.
    """
    grids = {"training images": train, **samples}
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


def nearest_pairs(train: Tensor, samples: Mapping[str, Tensor], pairs: int = 16) -> Figure:
    """Samples (upper rows) above their nearest training images (lower rows).

    Args:
        train: (N, C, H, W), in [-1, 1].
        samples: (M, C, H, W), by title.
        pairs: How many of each.
    """
    figure = Figure(figsize=(0.55 * pairs, 1.5 * len(samples)))
    axes = figure.subplots(len(samples), 1, squeeze=False).ravel()
    pixels = Pixels()
    for axis, (title, images) in zip(axes, samples.items(), strict=True):
        few = images[:pairs]
        _, rows = nearest(pixels(few), pixels(train))
        _show(axis, np.concatenate([_tile(few, pairs), _tile(train[rows[:, 0]], pairs)]))
        axis.set_title(f"{title}: samples above, nearest training images below", fontsize=9)
        axis.axis("off")
    figure.tight_layout()
    return figure


def training_curves(records: Mapping[Cell, Sequence[Metrics]]) -> Figure:
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
    models: Mapping[Cell, Metrics], references: Mapping[str, Sequence[Metrics]], names: Mapping[str, str]
) -> Figure:
    """Quality against memorisation, in the manner of P2's Figure 1; lower left is better.

    Models that differ only in their nature level, or in when they stop, are joined by a line: DSM stopped early is the
    frontier that any other method has to leave. The axis ends at twice the largest distance of DSM and Algorithm 1;
    what lies beyond is named.
    """
    keys = [key for key in names if key.startswith("frechet_")]
    copies = "m13"
    figure = Figure(figsize=(4.6 * len(keys) + 2.5, 4.4))
    families: dict[tuple[str, int], dict[Cell, list[Metrics]]] = {}
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


def _cut(axis: Axes, models: Mapping[Cell, Metrics], references: Mapping[str, Sequence[Metrics]], key: str) -> None:
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


@dataclass(frozen=True)
class _Point:
    """A model in the plane of quality and memorisation.

    Attributes:
        cell: Which.
        sigma: Its nature level, a mean over splits; 0 for none.
        x: Distance, mean and spread over splits.
        y: Share of copies, mean and spread over splits.
    """

    cell: Cell
    sigma: float
    x: tuple[float, float]
    y: tuple[float, float]

    @property
    def order(self) -> tuple[float, float]:
        """Its place on the line of its method: by level, and by steps, those that went to the end last."""
        return self.sigma, math.inf if self.cell.stop is None else self.cell.stop

    @property
    def text(self) -> str:
        """What is written beside it: its level, or where it stopped."""
        if self.sigma:
            return f"{self.sigma:.2g}"
        return "" if self.cell.stop is None else str(self.cell.stop)


def _family(axis: Axes, members: Mapping[Cell, Sequence[Metrics]], key: str, copies: str, colour: str) -> None:
    """The models of one method, joined in the order of their levels or of their stops."""
    points = []
    for cell, values in members.items():
        sigma = statistics.fmean(v.get("sigma_nature", 0.0) for v in values)
        points.append(_Point(cell, sigma, _mean_and_spread(values, key), _mean_and_spread(values, copies)))
    points.sort(key=lambda point: point.order)
    for point in points:
        (x, across), (y, up) = point.x, point.y
        auto = point.cell.sigma_nature == "auto"
        marker = "*" if auto else "o" if point.cell.stop is None else "v"
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 11 if auto else 5}
        axis.errorbar(x, y, xerr=across, yerr=up, capsize=2, linestyle="", alpha=0.9, elinewidth=0.6, **style)
        axis.annotate(point.text, (x, y), fontsize=6, textcoords="offset points", xytext=(4, 3), color=colour)
    whole = next((point.cell for point in points if point.cell.stop is None), points[0].cell)
    title = replace(whole, sigma_nature=None, stop=None).row
    extra = ""
    if whole.sigma_nature is not None:
        extra = ", by σ_n"
    elif len(points) > 1:
        extra = ", by steps"
    along, copied = [point.x[0] for point in points], [point.y[0] for point in points]
    axis.plot(along, copied, color=colour, linewidth=1, label=title + extra)
    if any(point.cell.sigma_nature == "auto" for point in points):
        axis.plot([], [], "*", color=colour, markersize=8, label=f"{title}, σ_n = auto")


def spectra(rows: Mapping[str, Sequence[Metrics]]) -> Figure:
    """The memorisation spectrum: where on the line from generalising (0) to copying (1) each network is, by level."""
    figure = Figure(figsize=(12, 4))
    axes = figure.subplots(1, 2, sharey=True)
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


def _mean_and_spread(values: Sequence[Metrics], key: str) -> tuple[float, float]:
    numbers = [v[key] for v in values]
    return statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else 0.0


def _tile(images: Tensor, columns: int) -> Picture:
    """Images (N, C, H, W) in rows of `columns`, with a light border, as (rows H', columns W', C); digits are dark."""
    pixels = images.clamp(-1, 1).permute(0, 2, 3, 1).numpy() * (-1 if images.shape[1] == 1 else 1) / 2 + 0.5
    pixels = np.pad(pixels, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=1.0)
    rows = [np.concatenate(list(pixels[i : i + columns]), axis=1) for i in range(0, len(pixels), columns)]
    width = max(r.shape[1] for r in rows)
    return np.concatenate([np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=1.0) for r in rows])


def _show(axis: Axes, image: Picture) -> None:
    axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
