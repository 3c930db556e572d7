"""The models of an experiment as folders that `ambient.load` reads, one beside each cell's results.

A cell's denoiser is of images about their centre, D(x - c, sigma), and so is an `ambient.Model`: both hold the same
numbers. What the nature level is depends on what the method saw: noisy images only are images that came with it; clean
ones are clean, and Algorithm 1's level is written among the facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ambient.models import Model as ModelFolder
from ambient.models.folder import CONFIG, FOLDER, WEIGHTS
from ambient.models.names import MethodName
from ambient.models.networks import parameters
from toy.cells import Cell
from toy.methods import METHODS
from toy.model import SIGMA_DATA, cell_folder, load_model, nature_sigma
from toy.names import MethodName as ToyMethod
from toy.options import ToyOptions
from toy.splits import Splits

_CALLED: dict[ToyMethod, MethodName] = {
    "dsm": "dsm",
    "hybrid": "algorithm-1",
    "ambient": "ambient",
    "weight": "dsm",
    "redrawn": "algorithm-1",
    "dropout": "dropout",
    "held-out": "dsm",
    "early-stop": "early-stop",
    "paper": "paper",
    "ambient+consistency": "recommended",
}
"""What `ambient` calls each method; masking's models need a mask with each image, which its folders do not know."""


def save_models(cells: Iterable[Cell], options: ToyOptions, splits: Splits) -> None:
    """Write the folder of each cell's model that has none yet, `cells/<name>/model`; the cells are trained.

    Raises:
        OSError: If it cannot be written, or the weights are damaged.
    """
    for cell in cells:
        folder = cell_folder(options.folder, cell) / FOLDER
        if cell.method in _CALLED and not ((folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()):
            model_of(cell, options, splits).save_pretrained(folder)


def model_of(cell: Cell, options: ToyOptions, splits: Splits) -> ModelFolder:
    """The model of a trained cell, in images' own coordinates, on the CPU."""
    training, method = options.training, METHODS[cell.method]
    split = splits.split(cell.images, cell.seed)
    trained = load_model(cell, options.changed(device="cpu"), split)
    sigma = nature_sigma(cell, split.train, options.source.sigma_range[1])
    sigma_min, sigma_max = options.source.sigma_range
    facts: dict[str, Any] = {
        "experiment": f"{method.title} on {cell.images} images of {options.source.data}, split {cell.seed}",
        "updates": f"{cell.stop or training.steps} of {training.batch} images",
        "network": f"{training.network}, {parameters(trained.denoiser):,} parameters",
    }
    if sigma is not None and method.sees != "noisy":
        facts["nature level"] = sigma
    channels, side, _ = trained.centre.shape
    model = ModelFolder(
        training.network,
        channels,
        side,
        sigma_data=SIGMA_DATA,
        nature=sigma if sigma is not None and method.sees == "noisy" else 0.0,
        method=_CALLED[cell.method],
        stop=method.stop * (sigma or 0.0),
        classes=splits.data.class_names if options.source.classes else (),
        augmented=training.augment > 0,
        dropout=training.dropout if method.dropout else 0.0,
        sigma_min=sigma_min,
        sigma_max=sigma_max,
        facts=facts,
    )
    model.denoiser.load_state_dict(trained.denoiser.state_dict())
    model.centre.copy_(trained.centre)
    return model.eval()
