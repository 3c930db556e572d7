"""Pictures in the papers' layouts: rows of images, histograms, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ambient.attacks import histogram
from ambient.runs.files import write_atomically
from sdxl.pictures import name_of


def save(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, atomically."""
    write_atomically(path, lambda file: figure.savefig(file, dpi=110, bbox_inches="tight", format="png"))


def rows(images: Mapping[str, Tensor], columns: int = 10, below: Mapping[str, Sequence[str]] | None = None) -> Figure:
    """Rows of images (N, C, H, W) in [-1, 1], each under its name at the left; digits dark on white.

    Args:
        images: By name of the row.
        columns: At most so many a row.
        below: Text under the images of some rows.
    """
    width = min(columns, max(len(row) for row in images.values()))
    figure = Figure(figsize=(0.85 * width + 1.9, 0.95 * len(images)))
    axes = figure.subplots(len(images), width, squeeze=False)
    for line, (name, row) in zip(axes, images.items(), strict=True):
        for axis in line:
            axis.axis("off")
        for i, (axis, image) in enumerate(zip(line, row[:width], strict=False)):
            axis.axis("on")
            axis.set(xticks=[], yticks=[])
            axis.imshow(_pixels(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            if below and name in below:
                axis.set_xlabel(below[name][i], fontsize=6, labelpad=1)
        line[0].axis("on")
        line[0].set_ylabel(name, fontsize=7, rotation=0, ha="right", va="center")
    figure.subplots_adjust(wspace=0.06, hspace=0.25 if below else 0.06)
    return figure


def histograms(panels: Mapping[str, Mapping[str, Tensor]], label: str, low: float = 0.0) -> Figure:
    """Distributions of similarities: a panel by name, a colour a line."""
    figure = Figure(figsize=(4.4 * len(panels), 3.2))
    for axis, (title, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        start = min(low, *(float(values.min()) for values in lines.values()))
        for i, (name, values) in enumerate(lines.items()):
            edges, shares = histogram(values, 30, start, 1.0)
            axis.stairs(shares.numpy(), edges.numpy(), fill=True, alpha=0.45, color=f"C{i}", label=name)
        axis.set(title=title, xlabel=label, ylabel="share of images")
        axis.title.set_fontsize(9)
        axis.legend(fontsize=7)
    figure.tight_layout()
    return figure


def stack(left: Sequence[Path], count: int) -> Tensor:
    """The first `count` of some image files, (n, 3, H, W) in [-1, 1]."""
    arrays = [np.asarray(Image.open(path).convert("RGB")) for path in list(left)[:count]]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 127.5 - 1


def generated(folder: Path, count: int) -> Tensor:
    """The first images of a folder of `sdxl.generate`."""
    return stack([folder / name_of(i) for i in range(count)], count)


def _pixels(image: Tensor) -> np.ndarray:
    sign = -1 if image.shape[0] == 1 and image.shape[-1] <= 8 else 1
    pixels = (sign * image.float().clamp(-1, 1) / 2 + 0.5).permute(1, 2, 0).numpy()
    return pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels
