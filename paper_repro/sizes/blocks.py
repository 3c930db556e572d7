"""P2's data sets at each scale, and the digits that stand for real images at the scales smoke and cpu."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paper_repro.options import BlockName, Options, Scale

_DIGITS = "handwritten digits (8x8) for CIFAR-10, FFHQ and Tiny ImageNet"
_TITLES: dict[BlockName, str] = {
    "cifar10": "CIFAR-10",
    "ffhq": "FFHQ at 64x64",
    "tiny-imagenet": "Tiny ImageNet, class-conditional",
}


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
    def stand_in_measures(self) -> tuple[str, ...]:
        """What stands for the networks that the paper measures with."""
        features = self.settings.get("features", ())
        found = () if "inception" in features else ("a Fréchet distance on a small network's features for FID",)
        return found if "dinov2-p2" in features else (*found, "similarity of centred pixels for DINOv2's")

    @property
    def stand_in_data(self) -> tuple[str, ...]:
        """What stands for the paper's images, if anything does."""
        return (self.title,) if self.data == "digits" else ()


def digits(scale: Scale, seeds: tuple[int, ...]) -> Block:
    """The embedded digits; at every scale above smoke as at cpu.

    Args:
        scale: Of the run.
        seeds: Splits; those of the scale if there are none.
    """
    if scale == "smoke":
        return Block(
            data="digits",
            title=_DIGITS,
            images=(20, 30, 40),
            levels=(0.2, 0.4),
            middle=0.4,
            seeds=seeds or (0,),
            settings={"steps": 12, "batch": 16, "samples": 24, "sampler_steps": 5, "features": ("pixels",)},
        )
    return Block(
        data="digits",
        title=_DIGITS,
        images=(30, 100, 300),
        levels=(0.2, 0.4, 1.6),
        middle=0.2,
        seeds=seeds or (0, 1, 2),
        settings={"steps": 800, "batch": 64, "samples": 600, "features": ("pixels", "classifier")},
    )


def small_cifar(source: str, seeds: tuple[int, ...]) -> Block:
    """CIFAR-10 reduced to 16x16, with a small network."""
    return Block(
        data="cifar10",
        title="CIFAR-10 at 16x16, 50 training images, a small network",
        images=(50,),
        levels=(0.4, 0.8, 1.6),
        middle=0.8,
        seeds=seeds or (0, 1, 2),
        settings={
            "source": source,
            "resolution": 16,
            "network": "small",
            "steps": 2000,
            "batch": 32,
            "precision": "bf16",
            "samples": 600,
            "stops": (1000, 1200, 1400, 1600, 1800),
        },
    )


def real(name: BlockName, options: Options) -> Block:
    """A data set in the form and size of the paper, or smaller for one card and a day."""
    paper = options.scale == "paper"
    imagenet = name == "tiny-imagenet"
    settings: dict[str, Any] = {
        "source": options.place_of(name),
        "features": ("inception", "dinov2-p2"),
        "inception": options.inception,
        "fid_reference": options.fid_reference if name == "cifar10" else None,
        "dinov2": options.dinov2,
        "online": options.download,
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
    return Block(
        data=name,
        title=_TITLES[name],
        images=(1000, 3000) if imagenet else (300, 1000, 3000),
        levels=(0.2, 0.4, 0.8, 1.6, 4.0, 8.0),
        middle=1.6,
        seeds=options.seeds or (0,),
        settings=settings,
    )
