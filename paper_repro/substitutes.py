"""The attacks of P1 on the small models that stand for SDXL, split by split.

A model trained from scratch on a hundred digits takes the place of SDXL and its LoRAs, pixels that of latents, and
RePaint that of the inpainting model. Similarities are cosines of centred pixels, of the hidden part only where
something is hidden. Held-out digits, as many as were trained on, are the control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient import karras
from ambient.attacks import RePaint, Similarities, compare, mask_and_restore, noise_and_restore
from ambient.metrics import memorization
from ambient.metrics.features import CentredPixels
from ambient.process import VE
from paper_repro import make_toy
from paper_repro.sizes import Block, digits_level
from paper_repro.workshop import Workshop
from toy.cells import Cell
from toy.data import split_of
from toy.model import Model, load_model

CLEAN, CONSISTENT = "dsm", "ambient+consistency"
MOST = 100
"""Images attacked a split."""
SURROGATES = (
    "small models trained from scratch on digits for SDXL and its fine-tuning: the claim is tested on these",
    "a tiny SDXL of random weights where the table says so, which runs the whole pipeline and can show nothing",
    "similarity of centred pixels for DINOv2's",
)


@dataclass(frozen=True, eq=False)
class Victim:
    """One small model.

    Attributes:
        cell: Which.
        train: Images that it was trained on and that are attacked, (N, C, H, W).
        held_out: As many that it has not seen.
        samples: What it generates.
    """

    shop: Workshop
    cell: Cell
    train: Tensor
    held_out: Tensor
    samples: Tensor

    def noised(self, step: int, images: Tensor, kind: str = "posterior") -> tuple[Tensor, Tensor, Similarities]:
        """What the model is shown at SDXL's step, what it makes of it, and the similarities."""
        model, level = self._model(), VE().level(digits_level(step))
        grid = {} if kind == "mean" else {"steps": self.shop.sizes.sampler_steps + 10, "sigma_min": 0.01}
        found = noise_and_restore(
            model.denoiser,
            images - model.centre,
            level,
            range(len(images)),
            seed=self.cell.seed,
            restoration=kind,  # type: ignore[arg-type]
            **grid,  # type: ignore[arg-type]
        )
        restored = found.x_0 + model.centre
        return found.x_t + model.centre, restored, _compare(restored, images)

    def masked(self, images: Tensor) -> tuple[Tensor, Tensor, Similarities]:
        """Images without their middle, filled in, and the similarities of the middles."""
        model = self._model()
        side = images.shape[-1]
        hidden = torch.zeros(1, 1, side, side, dtype=torch.bool)
        middle = slice(side // 4, 3 * side // 4)
        hidden[..., middle, middle] = True
        fill = RePaint(model.denoiser, karras.karras_sigmas(10, 0.01, 10.0), self.cell.seed, repeats=3)
        found = mask_and_restore(fill, images - model.centre, hidden, range(len(images)))
        restored = found.x_0 + model.centre
        similar = _compare(restored[..., middle, middle], images[..., middle, middle])
        return images.masked_fill(hidden, -1.0), restored, similar

    def generated(self) -> Tensor:
        """Largest similarity of each generated image to a training image, (M,)."""
        centred = CentredPixels()
        return memorization.similarities(centred(self.samples), centred(self.train))

    def _model(self) -> Model:
        block = make_toy.substitute_block(self.shop)
        levels = (self.cell.sigma_nature,) if self.cell.sigma_nature else (block.middle,)
        options = make_toy.toy_options(self.shop, block, (self.cell.method,), self.cell.images, levels)
        return load_model(self.cell, options, split_of(options.source, self.cell.images, self.cell.seed))


def victims(shop: Workshop, method: str) -> list[Victim]:
    """The models of a method trained on clean data, a split each."""
    return groups(shop, ((method, 0),))[method, 0]


def groups(shop: Workshop, models: Sequence[tuple[str, int]], size: int = 1) -> dict[tuple[str, int], list[Victim]]:
    """Models by (method, SDXL's step t_n; 0 for clean data), on the same splits.

    Args:
        shop: The run.
        models: Which.
        size: Which of the block's numbers of training images.

    Raises:
        ValueError: If no split has all of them, which can only be with `--only-made`.
    """
    block = make_toy.substitute_block(shop)
    n = block.images[size]
    cells = {}
    for method, step in models:
        levels = (digits_level(step),) if step else (block.middle,)
        cells[method, step] = make_toy.of(make_toy.train(shop, block, (method,), n, levels), method)
    seeds = make_toy.common_seeds(list(cells.values()))
    return {key: [_victim(shop, block, cell) for cell in found if cell.seed in seeds] for key, found in cells.items()}


def _victim(shop: Workshop, block: Block, cell: Cell) -> Victim:
    levels = (block.middle,) if cell.sigma_nature is None else (cell.sigma_nature,)
    options = make_toy.toy_options(shop, block, (cell.method,), cell.images, levels)
    split = split_of(options.source, cell.images, cell.seed)
    count = min(MOST, cell.images, len(split.unseen))
    return Victim(shop, cell, split.train[:count], split.unseen[:count], make_toy.samples_of(shop, block, cell))


def _compare(restored: Tensor, originals: Tensor) -> Similarities:
    centred = CentredPixels()
    own = centred(originals)
    return compare(centred(restored), own, own, centred.name)
