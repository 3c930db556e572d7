"""The memorisation spectrum of every model of an experiment, each kept beside its samples."""

from __future__ import annotations

import json
from typing import Any

import torch

from ambient.denoisers import Denoiser
from ambient.process import Level
from ambient.runs.files import write_json
from theory.empirical import EmpiricalDenoiser
from toy.cell import cell_folder, load_model
from toy.config import Cell, Options
from toy.data import Split, split_of
from toy.methods import METHODS
from toy.spectrum import spectrum

LEVELS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.2, 1.6, 2.4, 3.2, 4.8, 6.4)
"""Noise levels of the spectrum."""
_QUERIES, _DRAWS = 200, 2
_TRAINED = "a network trained on held-out images"
_EMPIRICAL = "the optimal denoiser of held-out images"


class _Shifted:
    """A denoiser of images about a centre, as one of images."""

    def __init__(self, denoiser: Denoiser, centre: torch.Tensor, **condition: Any) -> None:
        self.denoiser, self.centre, self.condition = denoiser, centre, condition

    def __call__(self, x_t: torch.Tensor, level: Level | torch.Tensor, **condition: Any) -> torch.Tensor:
        centre = self.centre.to(x_t)
        return self.denoiser(x_t - centre, level, **self.condition) + centre


def spectra(cells: list[Cell], options: Options) -> dict[Cell, dict[str, Any]]:
    """The spectra of all cells but the reference itself, models stopped early, and those told of classes or masks.

    What generalises is the network of the method held-out where the experiment has it, and else the optimal denoiser
    of the held-out images.
    """
    found = {}
    for cell in cells:
        method = METHODS[cell.method]
        if cell.stop is not None or method.held_out or method.sees == "masked" or options.classes:
            continue
        reference = Cell("held-out", None, cell.seed, cell.images, swept=cell.swept)
        trained = reference in cells
        path = cell_folder(options, cell) / "spectrum.json"
        kind = _TRAINED if trained else _EMPIRICAL
        if not path.exists() or json.loads(path.read_text())["reference"] != kind:
            write_json(path, {"reference": kind, **_spectrum(cell, reference if trained else None, options)})
        found[cell] = json.loads(path.read_text())
    return found


def _spectrum(cell: Cell, reference: Cell | None, options: Options) -> dict[str, Any]:
    split = split_of(options.sources, cell.images, cell.seed)
    model = load_model(cell, options)
    network = _Shifted(model.denoiser, model.centre)
    general, queries = _reference(split, reference, options)
    levels = [sigma for sigma in LEVELS if sigma < options.sigma_range[1]]
    copying = EmpiricalDenoiser(split.train)
    queried = {"held_out": queries, "train": split.train[:_QUERIES]}
    return {
        name: spectrum(network, copying, general, x_0, levels, draws=_DRAWS, device=options.device).record()
        for name, x_0 in queried.items()
    }


def _reference(split: Split, reference: Cell | None, options: Options) -> tuple[Denoiser, torch.Tensor]:
    """What generalises, and images that neither it nor any other model was fitted to."""
    queries = split.held_out[: min(_QUERIES, len(split.held_out) // 2)]
    if reference is None:
        return EmpiricalDenoiser(split.held_out[len(queries) :]), queries
    model = load_model(reference, options)
    return _Shifted(model.denoiser, model.centre), queries
