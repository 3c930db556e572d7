"""Small models, by `toy`.

All models of a block that have the same options but for method, number of images, nature level and split share a
folder of `toy`, which keeps them apart and goes on where it was. A folder that `toy/run.py` made with the same options
(`--adopt`) is used as it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ambient.runs.identity import describe
from paper_repro.makers.run import Run
from paper_repro.sizes.blocks import Block
from toy.cell import Model, cell_folder, load_model, load_samples
from toy.config import Cell, Options, Sigma
from toy.data import Split, split_of
from toy.experiment import run_cells

__all__ = ["Audits", "Cell", "Model", "Split", "Trained", "common_seeds", "train"]

Audits = dict[Cell, dict[str, Any]]
"""The figures of each model."""


@dataclass(frozen=True, eq=False)
class Trained:
    """Models of one block and number of training images, split by split.

    Attributes:
        block: The data set.
        images: Number of training images.
        audits: The figures of each model.
        options: Of `toy`.
    """

    block: Block
    images: int
    audits: Audits
    options: Options

    @property
    def device(self) -> str:
        """Where loaded models are."""
        return self.options.device

    def of(self, method: str, sigma: Sigma | None = None) -> list[Cell]:
        """The models of a method, and of a level if one is given, in the order of the splits."""
        found = [c for c in self.audits if c.method == method and (sigma is None or c.sigma_nature == sigma)]
        return sorted(found, key=lambda cell: cell.seed)

    def model(self, cell: Cell) -> Model:
        """A model, on `device`."""
        return load_model(cell, self.options)

    def samples(self, cell: Cell) -> Tensor:
        """The generated images of a model, (M, C, H, W)."""
        return load_samples(cell_folder(self.options, cell))

    def split(self, seed: int) -> Split:
        """The images that models of a split were trained on, and others."""
        return split_of(self.options.sources, self.images, seed)


def train(run: Run, block: Block, methods: Sequence[str], images: int, levels: Sequence[Sigma]) -> Trained:
    """Models of a block, trained, sampled and audited, or taken up; with `--only-made` those that are there.

    Args:
        run: The run.
        block: The data set.
        methods: Of `toy.methods`.
        images: Number of training images.
        levels: Nature levels.

    Raises:
        ValueError, RuntimeError, OSError: As `toy` does, naming what is wrong or missing.
    """
    options = _options(run, block, methods, images, levels)
    cells = [cell for cell in options.cells() if cell.stop is None and cell.method in methods]
    if run.only_made:
        files = {cell: cell_folder(options, cell) / "metrics.json" for cell in cells}
        audits = {cell: _audit(file) for cell, file in files.items() if file.exists()}
        return Trained(block, images, audits, options)
    checked = options if "dsm" in methods else replace(options, stops=())
    checked.check()
    return Trained(block, images, run_cells(options, cells, run.console), options)


def check_data(run: Run, block: Block, images: int) -> None:
    """Read a block's data, unless nothing is trained.

    Raises:
        ValueError: If they cannot be read, or have fewer than `images` to train on, naming what is wrong.
    """
    if not run.only_made:
        options = _options(run, block, ("dsm",), images, (block.middle,))
        split_of(options.sources, images, block.seeds[0])


def common_seeds(groups: Sequence[Sequence[Cell]]) -> set[int]:
    """The splits that every group of models has.

    Raises:
        ValueError: If there is none.
    """
    seeds = set.intersection(*({cell.seed for cell in group} for group in groups))
    if not seeds:
        raise ValueError("no split has all the models that this needs; train them without --only-made")
    return seeds


def _audit(path: Path) -> dict[str, Any]:
    """The figures of a model. Raises OSError if the file is damaged, naming it."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise OSError(f"{path} is damaged ({error}); remove it, and run without --only-made") from error


def _options(run: Run, block: Block, methods: Sequence[str], images: int, levels: Sequence[Sigma]) -> Options:
    """The options of `toy`: the folder is that of all models of the block, whatever their methods."""
    settings = dict(block.settings)
    stops = settings.pop("stops", ())
    options = Options(
        data=block.data,
        methods=tuple(methods),  # type: ignore[arg-type]
        images=(images,),
        sigma_nature=tuple(levels),
        seeds=block.seeds,
        stops=stops,
        device=run.device,
        processes=run.processes,
        **settings,
    )
    common = options.common
    described = json.loads(json.dumps(describe(common)))
    adopted = next((each for each in run.adopted if each.matches(described)), None)
    if adopted is not None:
        return replace(options, output=adopted.folder)
    return replace(options, output=run.products.folder(f"toy-{block.data}", common))
