"""Options of `python -m sdxl.tiny` and `python -m sdxl.tiny_vision`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from ambient.runs.places import require_folder

Variant = Literal["sdxl", "inpainting", "sd"]


@dataclass(frozen=True)
class TinyOptions:
    """Write a complete Stable Diffusion pipeline of random weights, a few megabytes, for trying the other commands."""

    output: tyro.conf.Positional[Path]
    """Folder to write; must be new, or hold the same pipeline."""
    variant: Variant = "sdxl"
    """sdxl; its inpainting model (nine input channels); or sd, with one text encoder as Stable Diffusion 1 and 2."""
    prediction: Literal["epsilon", "v_prediction"] = "epsilon"
    """What the U-Net predicts."""
    resolution: int = 64
    """Side of its images, a multiple of 16."""
    seed: int = 0
    """Seed of the weights."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        if self.resolution < 16 or self.resolution % 16:
            raise ValueError(f"--resolution {self.resolution}: a multiple of 16, at least 16")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")
        require_folder(self.output, "the output")


@dataclass(frozen=True)
class TinyVisionOptions:
    """Write a random DINOv2, CLIP and object detector, for trying attacks and evaluations offline."""

    output: tyro.conf.Positional[Path]
    """Folder to write, with one folder for each network."""
    seed: int = 0
    """Seed of the weights."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")
        require_folder(self.output, "the output")
