r"""How large everything is at each scale, and what stands for what.

Scale `paper` has the papers' settings; where paper and code contradict each other, `--p1-recipe` and `--p2-budget`
choose. The smaller scales keep the method and shrink the rest.

Nature levels on digits. A level's noise-to-signal ratio sigma / alpha counts for each number of an image, and SDXL's
latents have 65,536 numbers where a digit has 64: at SDXL's ratios nothing of a digit is left at t_n = 500, where a face
is recognisable. Equal information in total would divide the ratios by sqrt(65,536 / 64) = 32, and then the noise could
not be seen. The digits are given a quarter of SDXL's ratios, in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from paper_repro.options import BlockName, Options, Scale

DIGITS_SHARE = 0.25
"""Levels on digits, in SDXL's ratios sigma / alpha."""


def sdxl_ratio(step: int) -> float:
    """sigma / alpha of SDXL's step t (scaled linear betas from 0.00085 to 0.012)."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    kept = np.cumprod(1 - betas)[step]
    return float(((1 - kept) / kept) ** 0.5)


def digits_level(step: int) -> float:
    """sigma on digits that stands for SDXL's step t."""
    return round(DIGITS_SHARE * sdxl_ratio(step), 3)


@dataclass(frozen=True)
class Block:
    """A data set of P2 at some scale.

    Attributes:
        data: Of `toy`.
        title: What it is, and stands for.
        images: Numbers of training images that stand for 300, 1k and 3k; fewer if the block has fewer.
        levels: Nature levels, increasing.
        middle: The one that is used where a table needs only one.
        seeds: Splits.
        settings: Other options of `toy`.
    """

    data: BlockName
    title: str
    images: tuple[int, ...]
    levels: tuple[float, ...]
    middle: float
    seeds: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def surrogates(self) -> tuple[str, ...]:
        """What stands for what, besides the data."""
        features = self.settings.get("features", ())
        found = () if "inception" in features else ("a Fréchet distance on a small network's features for FID",)
        return found if "dinov2-p2" in features else (*found, "similarity of centred pixels for DINOv2's")


@dataclass(frozen=True)
class SdxlSizes:
    """Sizes of the experiments with SDXL.

    Attributes:
        steps: Updates without consistency.
        consistency_steps: Updates with it, from a model of `start_steps`.
        batch: Images an update.
        learning_rate: Of AdamW.
        images: Training images, None for all.
        generated: For a Fréchet distance.
        few: For a picture.
        attacked: Images that are attacked.
        restored: Images of Table 1.
        sampler_steps: DDIM's.
        text_steps: Updates of Stable Diffusion 2.
        text_generated: Images for P2's Table 3.
        resolution: Side.
    """

    steps: int
    consistency_steps: int
    batch: int
    learning_rate: float
    images: int | None
    generated: int
    few: int
    attacked: int
    restored: int
    sampler_steps: int
    text_steps: int
    text_generated: int
    resolution: int


SDXL: dict[Scale, SdxlSizes] = {
    "smoke": SdxlSizes(2, 2, 4, 1e-3, 12, 6, 4, 6, 4, 3, 2, 6, 64),
    "cpu": SdxlSizes(60, 30, 8, 1e-3, 96, 48, 8, 48, 32, 8, 60, 48, 64),
    "gpu": SdxlSizes(4_000, 1_000, 16, 1e-5, None, 1_000, 16, 500, 32, 25, 4_000, 1_000, 1024),
    "paper": SdxlSizes(200_000, 50_000, 16, 1e-5, None, 50_000, 16, 10_000, 32, 25, 100_000, 10_000, 1024),
}
START_STEPS = 150_000
"""P1, appendix B: models with consistency start from those without after this many of 200,000 updates."""

_DIGITS = "handwritten digits (8x8) for {}"


def sdxl_sizes(options: Options) -> SdxlSizes:
    """The sizes of the scale, by P1's recipe."""
    sizes = SDXL[options.scale]
    if options.scale == "paper" and options.p1_recipe == "code":
        return replace(sizes, learning_rate=1e-4, batch=2, images=3_000)
    return sizes


def blocks(options: Options, wanted: tuple[BlockName, ...]) -> list[Block]:
    """The blocks in which the data sets `wanted` of a paper's artefact are made."""
    if options.scale in ("smoke", "cpu"):
        found = [digits(options, "CIFAR-10, FFHQ and Tiny ImageNet")]
        if options.scale == "cpu" and options.cifar10 and "cifar10" in wanted:
            found.append(_small_cifar(options))
    else:
        found = [_real(options, name) for name in wanted]
    return [block for block in found if not options.blocks or block.data in options.blocks]


def digits(options: Options, stands_for: str) -> Block:
    """The embedded digits, which stand for real images at the scales smoke and cpu."""
    title = _DIGITS.format(stands_for)
    if options.scale == "smoke":
        settings: dict[str, Any] = {
            "steps": 12,
            "batch": 16,
            "samples": 24,
            "sampler_steps": 5,
            "features": ("pixels",),
        }
        return Block("digits", title, (20, 30, 40), (0.2, 0.4), 0.4, options.seeds or (0,), settings)
    settings = {"steps": 800, "batch": 64, "samples": 600, "features": ("pixels", "classifier")}
    return Block("digits", title, (30, 100, 300), (0.2, 0.4, 1.6), 0.2, options.seeds or (0, 1, 2), settings)


def _small_cifar(options: Options) -> Block:
    """CIFAR-10 reduced to 16x16, with a small network."""
    settings = {
        "source": options.cifar10,
        "resolution": 16,
        "network": "small",
        "steps": 2000,
        "batch": 32,
        "precision": "bf16",
        "samples": 600,
        "stops": (1000, 1200, 1400, 1600, 1800),
    }
    title = "CIFAR-10 at 16x16, 50 training images, a small network"
    return Block("cifar10", title, (50,), (0.4, 0.8, 1.6), 0.8, options.seeds or (0, 1, 2), settings)


_SOURCES = {"cifar10": "cifar10", "ffhq": "ffhq", "tiny-imagenet": "tiny_imagenet"}
_TITLES = {"cifar10": "CIFAR-10", "ffhq": "FFHQ at 64x64", "tiny-imagenet": "Tiny ImageNet, class-conditional"}


def _real(options: Options, name: BlockName) -> Block:
    """A data set in the form and size of the paper, or smaller for one card and a day."""
    paper = options.scale == "paper"
    imagenet = name == "tiny-imagenet"
    settings: dict[str, Any] = {
        "source": getattr(options, _SOURCES[name]),
        "features": ("inception", "dinov2-p2"),
        "inception": options.inception,
        "fid_reference": options.fid_reference if name == "cifar10" else None,
        "dinov2": options.dinov2,
        "download": options.download,
        "device": options.device,
        "precision": "bf16",
        "classes": imagenet,
        "augment": 0.12,
        "weight_decay": 0.01,
        "samples": 50_000 if paper else 5_000,
        "batch": 512 if imagenet and paper else 256,
        "network": "unet-58m" if paper else "unet-14m",
        "learning_rate": 1e-4 if paper else None,
    }
    if name == "ffhq":
        settings["resolution"] = 64
    # P2's paper: 30,000 iterations of 256; its code: --duration 30, which is 30 M images.
    iterations = 80_000 if imagenet else 30_000 if options.p2_budget == "paper" else -(-30_000_000 // 256)
    settings["steps"] = iterations if paper else 10_000
    images = (1000, 3000) if imagenet else (300, 1000, 3000)
    levels = (0.2, 0.4, 0.8, 1.6, 4.0, 8.0)
    return Block(name, _TITLES[name], images, levels, 1.6, options.seeds or (0,), settings)
