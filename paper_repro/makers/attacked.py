"""What an attack on Stable Diffusion gave: similarities and pictures by restoration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ambient.attacks import Similarities
from ambient.data.images import to_unit
from paper_repro.makers.networks import similarity_options
from paper_repro.makers.run import Run
from sdxl import attack
from sdxl.attack_report import AttackResult
from sdxl.attacking import picture
from sdxl.sampling import Sampler

if TYPE_CHECKING:
    from paper_repro.makers.attack import Attack


@dataclass(frozen=True, eq=False)
class Attacked:
    """What an attack gave.

    Attributes:
        result: Of `sdxl.attack`.
    """

    result: AttackResult

    @property
    def note(self) -> str:
        """What a reader of its figures must know."""
        return self.result.note

    @property
    def features(self) -> str:
        """What similarities are measured on."""
        return self.result.features

    def of(self, restoration: str) -> list[Similarities]:
        """The similarities of a restoration, of each model in turn."""
        return [row.similarities for row in self.result.found if row.restoration == restoration]

    def named(self) -> dict[str, Similarities]:
        """All similarities, by the name of model and restoration."""
        return {row.name: row.similarities for row in self.result.found}

    def pictures(self, kinds: Mapping[str, str], columns: int = 8) -> dict[str, Tensor]:
        """Pictures, those first that the last restoration made most similar: row title -> (n, 3, H, W) in [-1, 1].

        Args:
            kinds: Row title -> "originals", "shown/NAME" or "CHECKPOINT/RESTORATION".
            columns: Images a row.
        """
        last = self.result.found[-1]
        chosen = last.index[last.similarities.own.argsort(descending=True)[:columns]].tolist()
        return {
            title: _read([picture(self.result.folder, "data", kind, int(i)) for i in chosen])
            for title, kind in kinds.items()
        }


def attacked(product: Attack, loras: Sequence[Path | None], run: Run) -> Attacked:
    """Attack, or go on with an attack.

    Args:
        product: Which attack.
        loras: The models; None for the pretrained one.
        run: The run that makes it.
    """
    common: dict[str, Any] = {
        "source": run.backend.source(product.data)[0],
        "model": run.backend.model(product.model),
        "checkpoints": tuple("base" if lora is None else str(lora) for lora in loras),
        "images": run.sizes.attacked,
        "features": similarity_options(run.backend),
        "resolution": run.backend.resolution("sdxl"),
        "cpu": run.on_cpu,
    }
    steps = run.sizes.sampler_steps
    options: attack.Common
    if product.kind == "noise":
        options = attack.Noise(**common, levels=product.levels, steps=steps)
    elif product.kind == "prompt":
        options = attack.Prompt(**common, sampler=Sampler(steps=steps))
    else:
        options = attack.Mask(**common, masks=run.backend.masks(), steps=steps)
    folder = run.products.folder(f"attack-{product.kind}", {"options": options})
    return Attacked(attack.run(replace(options, output=folder), run.accelerator))


def _read(paths: Sequence[Path]) -> Tensor:
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    return to_unit(torch.from_numpy(pixels).permute(0, 3, 1, 2))
