"""Products of `toy`: models of P2's data sets, and models on digits that stand for SDXL's.

All models of a block that have the same options but for method, number of images, nature level and split share a
folder of `toy`, which keeps them apart and goes on where it was. A folder that `toy/run.py` made with the same options
(`--adopt`) is used as it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ambient.runs.identity import describe
from paper_repro.products import Models, Substitutes
from paper_repro.sizes import Block, blocks, digits, digits_level
from paper_repro.workshop import Workshop
from toy.cell import read_metrics
from toy.cells import Cell, cells_of
from toy.experiment import run_cells
from toy.model import cell_folder
from toy.names import Sigma
from toy.options import ToyOptions
from toy.sampling import load_samples

Cells = dict[Cell, dict[str, Any]]
"""The audit of each model."""


def toy_options(
    shop: Workshop, block: Block, methods: Sequence[str], images: int, levels: Sequence[Sigma]
) -> ToyOptions:
    """The options of `toy` for some models of a block."""
    settings = dict(block.settings)
    if "dsm" not in methods:
        settings.pop("stops", None)
    base = ToyOptions().changed(
        data=block.data,
        methods=tuple(methods),
        images=(images,),
        sigma_nature=tuple(levels),
        seeds=block.seeds,
        workers=shop.options.processes,
        **settings,
    )
    whole = base.changed(stops=block.settings.get("stops", ()), methods=("dsm",))
    common = whole.common
    for folder in shop.options.adopt:
        saved = json.loads((folder / "config.json").read_text())
        if _same(saved, json.loads(json.dumps(describe(common)))):
            return base.changed(output=folder, stops=whole.sweep.stops)
    return base.changed(output=shop.folder(f"toy-{block.data}", common), stops=whole.sweep.stops)


def train(shop: Workshop, block: Block, methods: Sequence[str], images: int, levels: Sequence[Sigma]) -> Cells:
    """The models of a block, trained, sampled and audited, or taken up; with `--only-made` those that are there.

    Raises:
        ValueError, RuntimeError, OSError: As `toy` does, naming what is wrong or missing.
    """
    options = toy_options(shop, block, methods, images, levels)
    cells = [cell for cell in cells_of(options.sweep) if cell.stop is None and cell.method in methods]
    if shop.options.only_made:
        cells = [cell for cell in cells if (cell_folder(options.folder, cell) / "metrics.json").exists()]
        return {cell: read_metrics(cell, options.folder) for cell in cells}
    check = options.changed(stops=()) if "dsm" not in methods else options
    check.check()
    return run_cells(options, cells, shop.console)


def make_models(shop: Workshop, product: Models) -> list[tuple[Block, dict[int, Cells]]]:
    """All models of a product: for each block, for each number of training images."""
    found = []
    for block in blocks(shop.options, product.blocks):
        levels = block.levels if product.levels == "all" else (block.middle,)
        sizes = [block.images[i] for i in product.sizes if i < len(block.images)]
        found.append((block, {n: train(shop, block, product.methods, n, levels) for n in sizes}))
    return found


def substitute_block(shop: Workshop) -> Block:
    """The digits that stand for SDXL's data."""
    return digits(shop.options, "P1's images, small models trained from scratch for SDXL")


def make_substitutes(shop: Workshop, product: Substitutes) -> dict[int, Cells]:
    """The models that stand for SDXL at each t_n, those of clean data under 0, on the splits that have all of them.

    Raises:
        ValueError: If no split has all of them, which can only be with `--only-made`.
    """
    block = substitute_block(shop)
    n = block.images[product.size]
    plain = tuple(m for m in product.methods if m == "dsm")
    noisy = tuple(m for m in product.methods if m != "dsm")
    found = {0: train(shop, block, plain, n, (block.middle,))} if plain else {}
    for t in product.natures if noisy else ():
        found[t] = train(shop, block, noisy, n, (digits_level(t),))
    seeds = common_seeds([of(cells, m) for t, cells in found.items() for m in (noisy if t else plain)])
    return {t: {c: values for c, values in cells.items() if c.seed in seeds} for t, cells in found.items()}


def common_seeds(groups: Sequence[Sequence[Cell]]) -> set[int]:
    """The splits that every group of models has.

    Raises:
        ValueError: If there is none.
    """
    seeds = set.intersection(*({cell.seed for cell in group} for group in groups))
    if not seeds:
        raise ValueError("no split has all the models that this needs; train them without --only-made")
    return seeds


def samples_of(shop: Workshop, block: Block, cell: Cell) -> Tensor:
    """The generated images of a model, (M, C, H, W)."""
    levels = (cell.sigma_nature,) if cell.sigma_nature is not None else (block.middle,)
    options = toy_options(shop, block, (cell.method,), cell.images, levels)
    return load_samples(cell_folder(options.folder, cell), options.sampling.samples)


def of(cells: Cells, method: str, sigma: Sigma | None = None) -> list[Cell]:
    """The models of one method and level, a model a split, in the order of the splits."""
    found = [c for c in cells if c.method == method and (sigma is None or c.sigma_nature == sigma)]
    return sorted(found, key=lambda cell: cell.seed)


def _same(saved: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether two configurations agree; where the images lie is compared as a path."""
    paths = [str(Path(str(config.get("source"))).expanduser().resolve()) for config in (saved, wanted)]
    return paths[0] == paths[1] and {**saved, "source": None} == {**wanted, "source": None}
