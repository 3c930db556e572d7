"""The attacks of P1 on the small models that stand for SDXL, split by split.

A model trained from scratch on a hundred digits takes the place of SDXL and its LoRAs, pixels that of latents, and
RePaint that of the inpainting model. Similarities are cosines of centred pixels, of the hidden part only where
something is hidden. Held-out digits, as many as were trained on, are the control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ambient import karras
from ambient.attacks import RePaint, Restoration, Similarities, compare, mask_and_restore, noise_and_restore
from ambient.metrics import memorization
from ambient.metrics.features import CentredPixels
from ambient.process import VE
from paper_repro.makers.run import Run
from paper_repro.makers.small_models import StandIn
from paper_repro.makers.trained import Model, Trained, common_seeds
from paper_repro.sizes.levels import digits_level

MOST = 100
"""Images attacked a split."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """An attack on one small model.

    Attributes:
        shown: What the model was shown, (N, C, H, W).
        restored: What it made of it, (N, C, H, W).
        similarities: Of these to the originals.
    """

    shown: Tensor
    restored: Tensor
    similarities: Similarities


class Victim:
    """A small model that is attacked.

    Args:
        trained: The models of its kind.
        seed: Its split.
        steps: Of the sampler.

    Attributes:
        train: Images that it was trained on and that are attacked, (N, C, H, W).
        held_out: As many that it has not seen.
    """

    def __init__(self, trained: Trained, seed: int, steps: int) -> None:
        (self._cell,) = [cell for cell in trained.audits if cell.seed == seed]
        self._trained, self._steps = trained, steps
        split = trained.split(seed)
        count = min(MOST, trained.images, len(split.unseen))
        self.train, self.held_out = split.train[:count], split.unseen[:count]

    def noised(self, step: int, images: Tensor, restoration: Restoration = "posterior") -> Attempt:
        """Restore images from the level that stands for SDXL's step."""
        grid: dict[str, Any] = {"steps": self._steps, "sigma_min": 0.01} if restoration == "posterior" else {}
        found = noise_and_restore(
            self._model.denoiser,
            self._centred(images),
            VE().level(digits_level(step)),
            range(len(images)),
            seed=self._cell.seed,
            restoration=restoration,
            **grid,
        )
        restored = found.x_0.cpu() + self._model.centre
        return Attempt(found.x_t.cpu() + self._model.centre, restored, _compare(restored, images))

    def masked(self, images: Tensor) -> Attempt:
        """Fill in the middle of images; compare the middles only."""
        side = images.shape[-1]
        hidden = torch.zeros(1, 1, side, side, dtype=torch.bool)
        middle = slice(side // 4, 3 * side // 4)
        hidden[..., middle, middle] = True
        fill = RePaint(self._model.denoiser, karras.karras_sigmas(10, 0.01, 10.0), self._cell.seed, repeats=3)
        found = mask_and_restore(fill, self._centred(images), hidden, range(len(images)))
        restored = found.x_0.cpu() + self._model.centre
        similarities = _compare(restored[..., middle, middle], images[..., middle, middle])
        return Attempt(images.masked_fill(hidden, -1.0), restored, similarities)

    def generated(self) -> Tensor:
        """Largest similarity of each generated image to a training image, (M,)."""
        centred = CentredPixels()
        return memorization.similarities(centred(self._trained.samples(self._cell)), centred(self.train))

    def _centred(self, images: Tensor) -> Tensor:
        """As the model is given them: about their centre, on its device."""
        return (images - self._model.centre).to(self._trained.device)

    @cached_property
    def _model(self) -> Model:
        return self._trained.model(self._cell)


def victims(run: Run, stand_ins: Sequence[StandIn]) -> list[list[Victim]]:
    """The models of each kind, on the same splits.

    Raises:
        ValueError: If no split has all of them, which can only be with `--only-made`.
    """
    made = [run.make(stand_in) for stand_in in stand_ins]
    seeds = sorted(common_seeds([trained.of(s.method) for trained, s in zip(made, stand_ins, strict=True)]))
    return [[Victim(trained, seed, run.sizes.sampler_steps + 10) for seed in seeds] for trained in made]


def _compare(restored: Tensor, originals: Tensor) -> Similarities:
    centred = CentredPixels()
    own = centred(originals)
    return compare(centred(restored), own, own, centred.name)
