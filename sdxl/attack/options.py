"""Options of `python -m sdxl.attack`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sdxl.options import (
    BASE,
    SDXL_INPAINTING,
    FeatureOptions,
    ModelOptions,
    RunOptions,
    Sampler,
    require_at_least,
)
from sdxl.source import Source

YOLOS = "hustvl/yolos-small"


@dataclass(frozen=True)
class AttackOptions:
    """What all attacks share."""

    source: Source
    run: RunOptions = field(default_factory=RunOptions)
    checkpoints: tuple[str, ...] = (BASE,)
    """What to attack: LoRA folders of training runs, and "base" for the pretrained model."""
    held_out: str | None = None
    """Images that were not trained on, a folder, zip or id as the data: the control."""
    images: int | None = None
    """A random choice of this many images of each set; all if not given."""
    resolution: int | None = None
    """Side of the images; by default that of the model."""
    features: FeatureOptions = field(default_factory=FeatureOptions)

    @property
    def output(self) -> Path:
        """The folder of the attack."""
        return self.run.output or Path("runs/attack")

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        self.run.check()
        require_at_least(2, images=self.images)
        require_at_least(1, resolution=self.resolution)


@dataclass(frozen=True)
class NoiseAttack(AttackOptions):
    """Noise the latents of images and let the model restore them, with null captions.

    Interrupted? Run the same command again: it goes on where it was.
    """

    levels: tuple[int, ...] = (900, 800)
    """Steps of the model's schedule to which latents are noised."""
    restorations: tuple[Literal["mean", "posterior"], ...] = ("mean", "posterior")
    """Posterior mean in one evaluation, or a posterior sample."""
    steps: int = 25
    """Evaluations for a posterior sample."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        super().check()
        require_at_least(2, steps=self.steps)
        if not self.levels or not self.restorations:
            raise ValueError("--levels and --restorations need at least one value each")


@dataclass(frozen=True)
class MaskOptions:
    """Which region is hidden."""

    mask: Literal["detector", "fixed"] = "detector"
    """The largest object that a detector finds, or the same box in every image."""
    detector: str = YOLOS
    """Hugging Face id or folder of an object detector of transformers."""
    detector_revision: str | None = None
    """Commit of the id."""
    confidence: float = 0.5
    """Least score of an object."""
    areas: tuple[float, float] = (0.05, 0.6)
    """Least and largest share of the image that an object may cover."""
    margin: float = 0.05
    """What is hidden around an object on each side, in shares of its size."""
    box: tuple[float, float, float, float] = (0.25, 0.25, 0.75, 0.75)
    """Left, top, right and bottom of the fixed box, in shares of the image."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        left, top, right, bottom = self.box
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(f"--box {' '.join(f'{x:g}' for x in self.box)}: left < right and top < bottom, in [0, 1]")
        if not 0 <= self.areas[0] < self.areas[1] <= 1:
            raise ValueError(f"--areas {self.areas[0]:g} {self.areas[1]:g}: two increasing shares in [0, 1]")
        if not 0 <= self.confidence <= 1 or not self.margin >= 0:
            raise ValueError("--confidence lies in [0, 1], and --margin is 0 or more")


@dataclass(frozen=True)
class MaskAttack(AttackOptions):
    """Hide the largest object of each image and let an inpainting model fill it in.

    Interrupted? Run the same command again: it goes on where it was.
    """

    run: RunOptions = field(default_factory=lambda: RunOptions(ModelOptions(SDXL_INPAINTING)))
    masks: MaskOptions = field(default_factory=MaskOptions)
    prompts: tuple[Literal["caption", "null"], ...] = ("caption",)
    """What the model is given: the image's caption, or nothing (with which P1's attack did not work)."""
    steps: int = 25
    """Evaluations an image (twice as many with guidance)."""
    guidance: float = 7.5
    """Classifier-free guidance scale; 1: none."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        super().check()
        self.masks.check()
        if not self.prompts:
            raise ValueError("--prompts needs at least one value")
        if self.steps < 1 or not self.guidance >= 1:
            raise ValueError("--steps is at least 1, and --guidance at least 1 (none)")


@dataclass(frozen=True)
class PromptAttack(AttackOptions):
    """Generate images from the captions of the data and look for them in the data (Somepalli et al. 2022).

    Interrupted? Run the same command again: it goes on where it was.
    """

    sampler: Sampler = field(default_factory=Sampler)

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        super().check()
        self.sampler.check()


AnyAttack = (
    Annotated[NoiseAttack, tyro.conf.subcommand("noise")]
    | Annotated[MaskAttack, tyro.conf.subcommand("mask")]
    | Annotated[PromptAttack, tyro.conf.subcommand("prompt")]
)
"""One of the attacks, by its command: noise, mask or prompt."""
