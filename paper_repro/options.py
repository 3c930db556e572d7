"""The command line of `python -m paper_repro`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

Scale = Literal["smoke", "cpu", "gpu", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "cpu", "gpu", "paper")
"""From the smallest to the papers' own."""
BlockName = Literal["digits", "cifar10", "ffhq", "tiny-imagenet"]


@dataclass(frozen=True)
class Options:
    """Make the tables and figures of both papers: "list", "all", "page" (RESULTS.md), or names such as p2-table1.

    Interrupted? Run the same command again: what is made is kept, and what artefacts share is made once.
    """

    what: tyro.conf.Positional[tuple[str, ...]] = ("list",)
    """list, all, page, or the names of artefacts."""
    scale: Scale = "smoke"
    """smoke: seconds; cpu: minutes to hours on two cores; gpu: hours on one card; paper: the papers' settings."""
    dry_run: bool = False
    """Say what would be done, how many steps and images, GPU hours and disk; do nothing."""
    blocks: tuple[BlockName, ...] = ()
    """Data sets of P2's tables; those of the paper and scale if not given."""
    cifar10: str | None = None
    """CIFAR-10: the official archive or its folder."""
    ffhq: str | None = None
    """FFHQ: folder or zip of images; 64x64 or larger for P2, 1024x1024 for P1."""
    tiny_imagenet: str | None = None
    """Tiny ImageNet: the official zip."""
    laion: str | None = None
    """10,000 image-text pairs of LAION: folder, WebDataset shards or Hugging Face id."""
    xrays: str | None = None
    """Chest X-rays with captions: folder, zip or Hugging Face id."""
    sdxl: str = "stabilityai/stable-diffusion-xl-base-1.0"
    """SDXL at the scales gpu and paper: Hugging Face id or folder."""
    inpainting: str = "diffusers/stable-diffusion-xl-1.0-inpainting-0.1"
    """Its inpainting model."""
    sd2: str = "stabilityai/stable-diffusion-2-base"
    """Stable Diffusion 2, which its owner has taken off the hub: give a mirror's id or a folder."""
    inception: Path | None = None
    """Inception's TorchScript file, for FID."""
    fid_reference: Path | None = None
    """EDM's .npz of the statistics that P2's FID is taken to."""
    dinov2: str = "facebook/dinov2-giant"
    """DINOv2: Hugging Face id or folder."""
    clip: str = "openai/clip-vit-large-patch14"
    """CLIP: Hugging Face id or folder."""
    detector: str = "hustvl/yolos-small"
    """Object detector: Hugging Face id or folder."""
    download: bool = False
    """Fetch weights that are not on this machine."""
    p1_recipe: Literal["paper", "code"] = "paper"
    """P1's fine-tuning as its paper has it (rate 1e-5, batch 16, all images) or its code (1e-4, 2, 3,000 images)."""
    p2_budget: Literal["paper", "code"] = "paper"
    """P2's training for CIFAR-10 and FFHQ: 7.7 M images as its paper has it, or 30 M as its code."""
    device: Annotated[str, tyro.conf.arg(name="device")] = "cpu"
    """cpu, cuda or cuda:N."""
    processes: int = 1
    """Small models trained at a time."""
    seeds: tuple[int, ...] = ()
    """Splits of the small models; those of the scale if not given."""
    adopt: tuple[Path, ...] = ()
    """Folders of toy/run.py whose trained models are used where their options are the same."""
    again: bool = False
    """Make results anew that are there; products are kept."""
    only_made: bool = False
    """Train no small model: use those that are there."""
    output: Path = Path("runs/paper_repro")
    """Folder of products and results."""
    to: Path = Path(".")
    """Where "page" writes RESULTS.md, and its pictures under docs/results."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        if not self.what:
            raise ValueError("say what to make: list, all, page, or the names of artefacts")
        if self.processes < 1:
            raise ValueError(f"--processes {self.processes}: at least 1")
        if any(seed < 0 for seed in self.seeds) or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"--seeds {' '.join(map(str, self.seeds))}: different numbers, 0 or more")
        for folder in self.adopt:
            if not (folder / "config.json").is_file():
                raise ValueError(f"--adopt {folder}: no folder of toy/run.py (it has no config.json)")

    @property
    def substitute(self) -> bool:
        """Whether random weights stand for SDXL, and small models on digits carry the claims about it."""
        return self.scale in ("smoke", "cpu")
