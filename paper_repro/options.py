"""The command line of `python -m paper_repro`."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

Scale = Literal["smoke", "cpu", "gpu", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "cpu", "gpu", "paper")
"""From the smallest to the papers' own."""
BlockName = Literal["digits", "cifar10", "ffhq", "tiny-imagenet"]
Recipe = Literal["paper", "code"]
_ALONE = ("list", "page")
_IDS = ("ffhq", "laion", "xrays")
"""Data that may be a Hugging Face id or shards, besides a path."""
_LOCAL = ("cifar10", "tiny_imagenet", "inception", "fid_reference")
"""What can be a path only."""
_NO_RESULT = (
    "what", "dry_run", "download", "device", "workers", "adopt", "only_made", "again", "output", "to",
)  # fmt: skip
"""Options that do not decide a result."""
_SCALES_OF: dict[str, tuple[Scale, ...]] = {
    "cifar10": ("cpu", "gpu", "paper"),
    "xrays": ("cpu", "gpu", "paper"),
    **dict.fromkeys(("ffhq", "tiny_imagenet", "laion", "sdxl", "inpainting", "sd2", "inception"), ("gpu", "paper")),
    **dict.fromkeys(("fid_reference", "dinov2", "clip", "detector", "download"), ("gpu", "paper")),
    **dict.fromkeys(("p1_recipe", "p2_budget"), ("paper",)),
}
"""The scales at which an option is used; those that are not here are used at all."""


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
    p1_recipe: Recipe = "paper"
    """P1's fine-tuning as its paper has it (rate 1e-5, batch 16, all images) or its code (1e-4, 2, 3,000 images)."""
    p2_budget: Recipe = "paper"
    """P2's training for CIFAR-10 and FFHQ: 7.7 M images as its paper has it, or 30 M as its code."""
    device: Annotated[str, tyro.conf.arg(name="device")] = "cpu"
    """cpu, cuda or cuda:N."""
    workers: int = 1
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
        for name in _ALONE:
            if name in self.what and len(self.what) > 1:
                raise ValueError(f"{name} goes alone, without {' '.join(w for w in self.what if w != name)}")
        if self.workers < 1:
            raise ValueError(f"--workers {self.workers}: at least 1")
        if any(seed < 0 for seed in self.seeds) or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"--seeds {' '.join(map(str, self.seeds))}: different numbers, 0 or more")
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise ValueError(f"--device {self.device}: there are cpu, cuda and cuda:N")
        self._check_places()

    def _check_places(self) -> None:
        """Raises ValueError for files and folders that are not there."""
        for name in _LOCAL:
            place = getattr(self, name)
            if place is not None and not Path(place).exists():
                raise ValueError(f"{_flag(name)} {place}: no such file or folder")
        for name in _IDS:
            place = getattr(self, name)
            if place is not None and not (Path(place).exists() or "{" in place or is_hub_id(place)):
                raise ValueError(f"{_flag(name)} {place}: no such file or folder, and no Hugging Face id (owner/name)")
        for folder in self.adopt:
            if not (folder / "config.json").is_file():
                raise ValueError(f"--adopt {folder}: no folder of toy/run.py (it has no config.json)")
        if self.output.exists() and not self.output.is_dir():
            raise ValueError(f"--output {self.output}: is a file; give a folder")

    def place_of(self, data: str) -> str | None:
        """Where a data set is, by its name with "-"; None if that was not said."""
        place: str | None = getattr(self, data.replace("-", "_"))
        return place

    def unused(self) -> list[str]:
        """The options that were given and are not used at this scale, or by this command."""
        found = [name for name in self._given() if self.scale not in _SCALES_OF.get(name, SCALES)]
        if self.to != Path(".") and self.what != ("page",):
            found.append("to")
        return [_flag(name) for name in found]

    def identity(self, told_by: Callable[[Path], str] = lambda path: str(path)) -> dict[str, Any]:
        """The options that decide a result; files by `told_by` of their full paths, however they were spelt."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in _NO_RESULT}
        for name in (*_LOCAL, *_IDS):
            if values[name] is not None and Path(values[name]).exists():
                values[name] = told_by(Path(values[name]).resolve())
        return values

    def command(self, name: str) -> str:
        """The command that makes an artefact with these options; where data lie is left to the reader."""
        parts = [f"python -m paper_repro {name} --scale {self.scale}"]
        left_out = ("what", "scale", "output", "to", "again", "dry_run", "workers")
        for field in self._given():
            value = getattr(self, field)
            if field in left_out:
                continue
            if isinstance(value, bool):
                parts.append(_flag(field))
            elif field in (*_LOCAL, *_IDS, "adopt") and field != "fid_reference":
                parts.append(f"{_flag(field)} {field.upper()}")
            elif isinstance(value, tuple):
                parts.append(f"{_flag(field)} {' '.join(map(str, value))}")
            else:
                parts.append(f"{_flag(field)} {shlex.quote(str(value))}")
        return " ".join(parts)

    def _given(self) -> list[str]:
        """The fields that differ from their defaults."""
        return [f.name for f in dataclasses.fields(self) if getattr(self, f.name) != f.default]


def is_hub_id(place: str) -> bool:
    """Whether a place has the form owner/name of a Hugging Face id."""
    return place.count("/") == 1 and not place.startswith((".", "/", "~")) and not Path(place).suffix


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
