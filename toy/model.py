"""A cell's model: its network and preconditioning before training, and as it is loaded afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ambient.data import Samples
from ambient.denoisers import EDMDenoiser, MaskedDenoiser
from ambient.models.networks import MaskedInput, build
from ambient.objectives.masked import MaskedScoreMatching, fixed_masks
from ambient.randomness import generator
from ambient.training.checkpoints import load_trained
from theory.empirical import collapse_level
from toy.cells import Cell
from toy.data import Split
from toy.methods import METHODS
from toy.objectives import samples_of
from toy.options import ToyOptions, TrainingOptions

SIGMA_DATA = 0.5
"""Standard deviation that the preconditioning takes the clean images to have."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model, trained or to be trained.

    Attributes:
        denoiser: Of images about their centre.
        centre: (C, H, W).
        classes: Number of classes that it is told; 0 for none.
        hidden: Share of the pixels hidden from it; 0 for none.
    """

    denoiser: EDMDenoiser
    centre: Tensor
    classes: int = 0
    hidden: float = 0.0

    def condition(self, seed: int, indices: Sequence[int], device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """What the denoiser is told of the generated images `indices`: classes in turn, and a fixed mask each."""
        told = {}
        if self.classes:
            told["label"] = torch.tensor([i % self.classes for i in indices], device=device)
        if self.hidden:
            masks = fixed_masks(seed, indices, (1, *self.centre.shape[1:]), self.hidden, "sampling")
            told["mask"] = masks.to(device)
        return told


def cell_folder(folder: Path, cell: Cell) -> Path:
    """Where the results of a cell go, in the folder of its experiment."""
    return folder / "cells" / cell.name


def weights_path(folder: Path, cell: Cell) -> Path:
    """The averaged weights of a cell's model, in the folder of its experiment."""
    name = "model" if cell.stop is None else f"model-{cell.stop}"
    return cell_folder(folder, cell.whole) / f"{name}.safetensors"


def nature_sigma(cell: Cell, train: Tensor, most: float) -> float | None:
    """The nature level of a cell: for "auto" the collapse level of its training images, which needs no training.

    Args:
        cell: Which model.
        train: Its training images, (N, C, H, W).
        most: What the level has to lie below.

    Raises:
        ValueError: If they have none, or one that is too large.
    """
    if cell.sigma_nature != "auto":
        return cell.sigma_nature
    try:
        sigma = collapse_level(train - train.mean(0))
    except ValueError as error:
        raise ValueError(f"--sigma-nature auto: {error}; or give a level") from error
    if sigma >= most:
        raise ValueError(f"--sigma-nature auto: these images collapse at {sigma:.3g}, above {most:g}; give a level")
    return sigma


def untrained(
    cell: Cell, training: TrainingOptions, split: Split, sigma: float | None, conditional: bool
) -> tuple[Model, Samples]:
    """A cell's model before training, its weights a function of the seed, and the samples that it is to be trained on.

    Args:
        cell: Which model.
        training: Its network, and what is hidden or dropped.
        split: Its images.
        sigma: Its nature level, None for a method that has none.
        conditional: Whether it is told the class of each image.

    Raises:
        ValueError: If the split has too few images for the method, or the network cannot take their size.
    """
    method = METHODS[cell.method]
    x_0, labels, index = split.train, split.labels, split.index
    if method.held_out:
        x_0, labels, index = split.unseen, split.unseen_labels, torch.arange(len(split.unseen))
        if len(x_0) < len(split.train):
            raise ValueError(f"--methods held-out: {len(x_0)} images are left for it, fewer than are trained on")
    samples, centre = samples_of(cell.method, x_0, index, sigma, cell.seed, training.hidden)
    classes = split.classes if conditional else 0
    if classes and labels is not None:
        samples = replace(samples, condition={**samples.condition, "label": labels})
    masked = method.sees == "masked"
    channels, side = x_0.shape[1], x_0.shape[2]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", cell.seed).initial_seed())
        network = build(
            training.network,
            side,
            channels + 1 if masked else channels,
            dropout=training.dropout if method.dropout else None,
            classes=classes,
            augmented=training.augment > 0,
        )
    if masked:
        denoiser: EDMDenoiser = MaskedDenoiser(MaskedInput(network, channels), SIGMA_DATA)
        # A mask at sampling is like those of training: what the data hide, and what is hidden further.
        hidden = 1 - (1 - training.hidden) * (1 - MaskedScoreMatching().further)
    else:
        denoiser, hidden = EDMDenoiser(network, SIGMA_DATA), 0.0
    return Model(denoiser, centre, classes, hidden), samples


def load_model(cell: Cell, options: ToyOptions, split: Split) -> Model:
    """The model of a cell whose training is done, in evaluation mode on the device of the options.

    Args:
        cell: Which model.
        options: Of its experiment.
        split: The cell's images.
    """
    sigma = nature_sigma(cell, split.train, options.source.sigma_range[1])
    model, _ = untrained(cell, options.training, split, sigma, options.source.classes)
    load_trained(model.denoiser, weights_path(options.folder, cell))
    model.denoiser.to(options.place.device).eval()
    return model
