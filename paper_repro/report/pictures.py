"""Pictures in the papers' layouts: rows of images, histograms, curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ambient.attacks import histogram

Panel = Callable[[Axes], None]
"""Draws one panel."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of images (N, C, H, W) in [-1, 1], each under its name at the left; digits dark on white.

    Attributes:
        images: By name of the row.
        caption: Of the picture.
        columns: At most so many images a row.
    """

    images: Mapping[str, Tensor]
    caption: str
    columns: int = 8

    def figure(self) -> Figure:
        """The picture."""
        width = min(self.columns, max(len(row) for row in self.images.values()))
        figure = Figure(figsize=(0.85 * width + 1.9, 0.95 * len(self.images)))
        axes = figure.subplots(len(self.images), width, squeeze=False)
        for line, (name, row) in zip(axes, self.images.items(), strict=True):
            for axis in line:
                axis.axis("off")
            for axis, image in zip(line, row[:width], strict=False):
                axis.axis("on")
                axis.set(xticks=[], yticks=[])
                axis.imshow(_pixels(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            line[0].axis("on")
            line[0].set_ylabel(name, fontsize=7, rotation=0, ha="right", va="center")
        figure.subplots_adjust(wspace=0.06, hspace=0.06)
        return figure


@dataclass(frozen=True, eq=False)
class Panels:
    """Panels side by side.

    Attributes:
        panels: What draws each.
        caption: Of the picture.
        width: Of a panel, in inches.
        height: Of a panel, in inches.
    """

    panels: tuple[Panel, ...]
    caption: str
    width: float
    height: float

    def beside(self, other: Panels) -> Panels:
        """With the panels of another picture at the right."""
        return replace(self, panels=self.panels + other.panels)

    def figure(self) -> Figure:
        """The picture."""
        count = len(self.panels)
        figure = Figure(figsize=(self.width * count, self.height))
        for axis, draw in zip(figure.subplots(1, count, squeeze=False)[0], self.panels, strict=True):
            draw(axis)
        figure.tight_layout()
        return figure


def histograms(title: str, lines: Mapping[str, Tensor], label: str, caption: str) -> Panels:
    """A panel with distributions of similarities, a colour a line.

    Args:
        title: Of the panel.
        lines: Similarities (N,) by name.
        label: What they are.
        caption: Of the picture.
    """

    def draw(axis: Axes) -> None:
        start = min(0.0, *(float(values.min()) for values in lines.values()))
        for i, (name, values) in enumerate(lines.items()):
            edges, shares = histogram(values, 30, start, 1.0)
            axis.stairs(shares.numpy(), edges.numpy(), fill=True, alpha=0.45, color=f"C{i}", label=name)
        axis.set(title=title, xlabel=label, ylabel="share of images")
        axis.title.set_fontsize(9)
        axis.legend(fontsize=7)

    return Panels((draw,), caption, 4.4, 3.2)


def _pixels(image: Tensor) -> np.ndarray:
    """An image (C, H, W) for imshow."""
    is_digit = image.shape[0] == 1 and image.shape[-1] <= 8
    pixels = ((-1 if is_digit else 1) * image.float().clamp(-1, 1) / 2 + 0.5).permute(1, 2, 0).numpy()
    return pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels
