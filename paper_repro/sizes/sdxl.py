"""Sizes of the experiments with Stable Diffusion.

Scale `paper` has the papers' settings; where paper and code contradict each other, `--p1-recipe` chooses. The smaller
scales keep the method and shrink the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from paper_repro.options import Recipe, Scale


@dataclass(frozen=True, kw_only=True)
class SdxlSizes:
    """Sizes of the experiments with SDXL and Stable Diffusion 2.

    Attributes:
        steps: Updates without consistency.
        consistency_steps: Updates with it, from a model of `START_STEPS`.
        batch: Images an update.
        learning_rate: Of AdamW.
        images: Training images, None for all.
        generated: Images for a Fréchet distance.
        few: Images for a picture.
        attacked: Images that are attacked.
        restored: Images of P1's Table 1.
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


_SIZES: dict[Scale, SdxlSizes] = {
    "smoke": SdxlSizes(
        steps=2,
        consistency_steps=2,
        batch=4,
        learning_rate=1e-3,
        images=12,
        generated=6,
        few=4,
        attacked=6,
        restored=4,
        sampler_steps=3,
        text_steps=2,
        text_generated=6,
        resolution=64,
    ),
    "cpu": SdxlSizes(
        steps=60,
        consistency_steps=30,
        batch=8,
        learning_rate=1e-3,
        images=96,
        generated=48,
        few=8,
        attacked=48,
        restored=32,
        sampler_steps=8,
        text_steps=60,
        text_generated=48,
        resolution=64,
    ),
    "gpu": SdxlSizes(
        steps=4_000,
        consistency_steps=1_000,
        batch=16,
        learning_rate=1e-5,
        images=None,
        generated=1_000,
        few=16,
        attacked=500,
        restored=32,
        sampler_steps=25,
        text_steps=4_000,
        text_generated=1_000,
        resolution=1024,
    ),
    "paper": SdxlSizes(
        steps=200_000,
        consistency_steps=50_000,
        batch=16,
        learning_rate=1e-5,
        images=None,
        generated=50_000,
        few=16,
        attacked=10_000,
        restored=32,
        sampler_steps=25,
        text_steps=100_000,
        text_generated=10_000,
        resolution=1024,
    ),
}
START_STEPS = 150_000
"""P1, appendix B: models with consistency start from those without after this many of 200,000 updates."""


def sdxl_sizes(scale: Scale, p1_recipe: Recipe) -> SdxlSizes:
    """The sizes of a scale; P1's recipe counts at scale paper only."""
    sizes = _SIZES[scale]
    if scale == "paper" and p1_recipe == "code":
        return replace(sizes, learning_rate=1e-4, batch=2, images=3_000)
    return sizes
