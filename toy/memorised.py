"""The memorisation spectrum of every model of an experiment, each kept beside its samples."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ambient.denoisers import Denoiser
from ambient.process import Level
from ambient.runs.results import read_results, write_results
from theory.empirical import EmpiricalDenoiser
from toy.cells import Cell
from toy.data import Split
from toy.methods import METHODS
from toy.model import cell_folder, load_model
from toy.options import ToyOptions
from toy.spectrum import Spectrum, spectrum
from toy.splits import Splits

LEVELS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.2, 1.6, 2.4, 3.2, 4.8, 6.4)
"""Noise levels of the spectrum."""
_QUERIES, _DRAWS = 200, 2
_FIELDS = {field.name for field in dataclasses.fields(Spectrum)}
_TRAINED = "a network trained on held-out images"
_EMPIRICAL = "the optimal denoiser of held-out images"


class _Shifted:
    """A denoiser of images about a centre, as one of images."""

    def __init__(self, denoiser: Denoiser, centre: torch.Tensor) -> None:
        self.denoiser, self.centre = denoiser, centre

    def __call__(self, x_t: torch.Tensor, level: Level | torch.Tensor, **condition: Any) -> torch.Tensor:
        centre = self.centre.to(x_t)
        return self.denoiser(x_t - centre, level, **condition) + centre


def spectra(cells: Sequence[Cell], options: ToyOptions, splits: Splits) -> dict[Cell, dict[str, Any]]:
    """The spectra of all cells but the reference itself, models stopped early, and those told of classes or masks.

    What generalises is the network of the method held-out where the experiment has it, and else the optimal denoiser
    of the held-out images.

    Args:
        cells: Of an experiment, all done.
        options: Its options.
        splits: Its splits.
    """
    found = {}
    for cell in cells:
        method = METHODS[cell.method]
        if cell.stop is not None or method.held_out or method.sees == "masked" or options.source.classes:
            continue
        reference = Cell("held-out", None, cell.seed, cell.images, swept=cell.swept)
        trained = reference in cells
        path = cell_folder(options.folder, cell) / "spectrum.json"
        kind = _TRAINED if trained else _EMPIRICAL
        record = _read(path)
        if record is None or record["reference"] != kind:
            split = splits.split(cell.images, cell.seed)
            record = {"reference": kind, **_spectrum(cell, reference if trained else None, options, split)}
            write_results(path, record)
        found[cell] = record
    return found


def _read(path: Path) -> dict[str, Any] | None:
    """A spectrum that is there; None if it is missing or damaged, which is said."""
    if not path.exists():
        return None
    try:
        record = read_results(path)
        if all(record[queries].keys() == _FIELDS for queries in ("held_out", "train")) and record["reference"]:
            return record
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    warnings.warn(f"{path} is damaged; it is made again", stacklevel=3)
    return None


def _spectrum(cell: Cell, reference: Cell | None, options: ToyOptions, split: Split) -> dict[str, Any]:
    network = _network(cell, options, split)
    queries = split.held_out[: min(_QUERIES, len(split.held_out) // 2)]
    general: Denoiser = EmpiricalDenoiser(split.held_out[len(queries) :])
    if reference is not None:
        general = _network(reference, options, split)
    levels = [sigma for sigma in LEVELS if sigma < options.source.sigma_range[1]]
    copying = EmpiricalDenoiser(split.train)
    queried = {"held_out": queries, "train": split.train[:_QUERIES]}
    device = options.place.device
    return {
        name: spectrum(network, copying, general, x_0, levels, draws=_DRAWS, device=device).record()
        for name, x_0 in queried.items()
    }


def _network(cell: Cell, options: ToyOptions, split: Split) -> Denoiser:
    """The model of a cell, as a denoiser of images that are not centred."""
    model = load_model(cell, options, split)
    return _Shifted(model.denoiser, model.centre)
