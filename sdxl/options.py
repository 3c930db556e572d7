"""Options that several commands share.

They are parsed and checked before anything heavy is imported, so this module imports neither torch nor diffusers; the
names of published weights that stand here are tested to be those of the modules that load them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ambient.runs.places import require_file, require_folder
from sdxl.schedulers import check_scheduler

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
SDXL_INPAINTING = "diffusers/stable-diffusion-xl-1.0-inpainting-0.1"
FP16_VAE = "madebyollin/sdxl-vae-fp16-fix"
COMMITS = {
    SDXL: "462165984030d82259a11f4367a4eed129e94a7b",
    SDXL_INPAINTING: "115134f363124c53c7d878647567d04daf26e41e",
    FP16_VAE: "207b116dae70ace3637169f1ddd2434b91b3a8cd",
}
"""The commits of the default models that are loaded unless another revision is named."""
DINOV2 = "facebook/dinov2-giant"
CLIP = "openai/clip-vit-large-patch14"
BASE = "base"
"""The pretrained model, where LoRAs of it are named beside."""

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class ModelOptions:
    """Which pretrained model."""

    model: str = SDXL
    """Hugging Face id or folder of a Stable Diffusion XL, XL inpainting, 1 or 2 pipeline."""
    revision: str | None = None
    """Commit of the model on the hub; the defaults are pinned."""
    vae: str | None = None
    """Id or folder of another VAE; for the default model the one that does not overflow in fp16."""
    weights: Literal["fp16"] | None = None
    """fp16 loads the published half-precision files, half as large."""
    download: bool = False
    """Fetch from the Hugging Face hub what is not in the local cache."""

    @property
    def vae_source(self) -> str | None:
        """The VAE to load in place of the model's own."""
        return FP16_VAE if self.vae is None and self.model in (SDXL, SDXL_INPAINTING) else self.vae


@dataclass(frozen=True)
class RunOptions:
    """Which model, how it is run, and where the results go."""

    model: ModelOptions = field(default_factory=ModelOptions)
    seed: int = 0
    """Decides all that is random; an image's noise with its index."""
    batch: int = 8
    """Images at a time (train: an update, over all processes)."""
    precision: Precision | None = None
    """Of the weights; if not given bf16 on a GPU and fp32 on the CPU (latents: fp32)."""
    device: str | None = None
    """cpu, cuda, cuda:N or mps; a GPU if there is one if not given."""
    output: Path | None = None
    """Where the results go; if not given, a place under runs/ that the last line names."""

    def check(self, *, file: bool = False) -> None:
        """Raises ValueError for values that cannot work, with the results in a folder, or in a file."""
        require_at_least(1, batch=self.batch)
        if self.output is not None:
            (require_file if file else require_folder)(self.output)
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")
        if self.device is not None and not re.fullmatch(r"cpu|mps|cuda(:\d+)?", self.device):
            raise ValueError(f"--device {self.device}: choose cpu, cuda, cuda:N or mps")


@dataclass(frozen=True)
class Sampler:
    """How latents are drawn."""

    scheduler: str = "DDIM"
    """A diffusers scheduler, such as DDIM, EulerDiscrete, EulerAncestralDiscrete or DPMSolverMultistep."""
    steps: int = 25
    """Evaluations of the U-Net an image (twice as many with guidance)."""
    guidance: float = 1.0
    """Classifier-free guidance scale; 1: none."""
    stop: int | None = None
    """Stop at this nature level t_n with the posterior mean, instead of going down to clean images."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        check_scheduler(self.scheduler)
        require_at_least(1, steps=self.steps)
        if not self.guidance >= 1:
            raise ValueError(f"--guidance {self.guidance:g}: 1 (none) or more")
        if self.stop is not None and self.stop < 0:
            raise ValueError(f"--stop {self.stop}: a step of the model's schedule, 0 or more")


@dataclass(frozen=True)
class FeatureOptions:
    """Features of images."""

    features: Literal["dinov2", "pixels"] = "dinov2"
    """Where similarities are measured; the papers' thresholds are for DINOv2 ViT-g/14 only."""
    dinov2: str = DINOV2
    """Hugging Face id or folder of a DINOv2."""
    protocol: Literal["p2", "p1", "standard"] = "p1"
    """How images are prepared for it: p1, p2 (the papers' code) or standard."""


def require_at_least(least: int, **values: int | None) -> None:
    """Raises ValueError, naming the option, if one of some values is given and below `least`."""
    for name, value in values.items():
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} {value}: at least {least}")
