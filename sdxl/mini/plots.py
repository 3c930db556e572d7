"""The curves of a mini model's three trainings, as one picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from ambient.runs.figures import save_figure
from ambient.runs.files import read_records

RUNS = {
    "vae": ("VAE", ("absolute", "edges", "coarse")),
    "text": ("text encoders", ("naming",)),
    "unet": ("U-Net", ("dsm",)),
}
"""Each run's folder: its title, and the terms of its loss that are drawn."""


def save_curves(runs: Path, path: Path) -> None:
    """Draw the terms of the loss over the updates of each run in `runs` that has been made.

    Args:
        runs: Folder of the runs.
        path: The picture, a PNG.
    """
    there = [name for name in RUNS if (runs / name / "log.jsonl").exists()]
    figure = Figure(figsize=(3.6 * max(len(there), 1), 2.8))
    axes = figure.subplots(1, max(len(there), 1), squeeze=False)[0]
    for axis, name in zip(axes, there, strict=False):
        title, terms = RUNS[name]
        records = read_records(runs / name / "log.jsonl", "step", "terms")
        for term in terms:
            axis.plot([r["step"] for r in records], [r["terms"][term] for r in records], label=term, linewidth=1)
        axis.set(title=title, xlabel="updates", yscale="log")
        axis.legend(fontsize=8)
    figure.tight_layout()
    save_figure(path, figure)
