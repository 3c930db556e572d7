"""`audit SAMPLES --training SOURCE`: how much anybody's samples repeat their training images."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from ambient.audit.options import FeatureName, Reading, Split
from ambient.commands.output import check_output
from ambient.data.images.options import SetOptions
from ambient.runs import console

if TYPE_CHECKING:
    from ambient.audit import Audit
    from ambient.metrics.features import FeatureMap


@dataclass(frozen=True)
class AuditOptions(SetOptions):
    """How much samples repeat their training images: copies, S > c, m13, P_tr, AuthPct and C_T, with intervals.

    Attributes:
        samples: What a model generated: a folder, a zip file or a Hugging Face data set of images.
        training: What it was trained on.
        held_out: Images like the training images that it never saw; for P_tr, C_T and a better test for copies.
        output: Folder for audit.html, audit.json and nearest.png.
        resolution: Side that all images are cut to and reduced to; without it they must be equally large.
        channels: Convert all images to "rgb" or "grey"; "keep" allows one kind.
        training_split: Part of a training source that has parts, such as CIFAR-10.
        held_out_split: Part of a held-out source that has parts.
        features: What the measures are computed on; copies are always looked for in pixels.
        weights: Folder with the weights of DINOv2 or CLIP.
        download: Allow the weights to be downloaded.
        device: Where DINOv2 or CLIP runs.
        threshold: Each c of S > c.
        pairs: How many pairs are shown.
        confidence: Of all intervals.
        skip_bad: Leave out files that cannot be used, and say so, instead of refusing.
        seed: Seed of every random choice.
    """

    samples: Positional[str]
    training: str
    held_out: str | None = None
    output: Annotated[Path, arg(aliases=["-o"])] = Path("audit")
    resolution: int | None = None
    channels: Literal["keep", "grey", "rgb"] = "keep"
    training_split: Split | None = None
    held_out_split: Split | None = None
    features: FeatureName = "pixels"
    weights: Path | None = None
    download: bool = False
    device: str = "cpu"
    threshold: tuple[float, ...] = (0.9, 0.95)
    pairs: int = 24
    confidence: float = 0.95
    skip_bad: bool = False
    seed: int = 0

    def check(self) -> None:
        """Raise ValueError for values that cannot work, before anything heavy is imported."""
        same = os.path.realpath
        if same(self.samples) == same(self.training):
            raise ValueError(f"samples and --training are both {self.samples}: every sample would be its own copy")
        for name, other, split in (
            ("samples", self.samples, None),
            ("--training", self.training, self.training_split),
        ):
            if self.held_out is not None and same(self.held_out) == same(other) and self.held_out_split == split:
                raise ValueError(f"{name} and --held-out are both {other}: held-out images must be others")
        if not 0.5 <= self.confidence < 1:
            raise ValueError(f"--confidence {self.confidence:g}: choose between 0.5 and 1, such as 0.95")
        if not 1 <= self.pairs <= 500:
            raise ValueError(f"--pairs {self.pairs}: choose between 1 and 500")
        for c in self.threshold:
            if not -1 < c < 1:
                raise ValueError(f"--threshold {c:g}: a similarity lies between -1 and 1")
        if self.features == "pixels" and (self.weights is not None or self.download):
            raise ValueError("--weights and --download are for --features dinov2-… and clip; pixels need neither")
        if self.resolution is not None and self.resolution < 4:
            raise ValueError(f"--resolution {self.resolution}: choose at least 4")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: choose a number of at least 0")
        check_output(self.output, "audit.json", "audit.html")


def run(options: AuditOptions) -> None:
    """Audit, write the page, the JSON file and the picture, print the table, and say where everything is."""
    from rich.console import Console

    from ambient.audit import audit
    from ambient.audit.saving import save
    from ambient.audit.wording import summary, table
    from ambient.runs.tables import rich_table

    found = audit(
        options.samples,
        options.training,
        options.held_out,
        reading=Reading(options.resolution, options.channels, options.skip_bad, **options.bounds()),
        training_split=options.training_split,
        held_out_split=options.held_out_split,
        features=_features(options),
        thresholds=options.threshold,
        pairs=options.pairs,
        confidence=options.confidence,
        seed=options.seed,
    )
    save(found, options.output)
    console_ = Console()
    console_.print(rich_table("Do these samples repeat their training images?", table(found)))
    console_.print(summary(found), highlight=False)
    _say_notes(found)
    print(f"{options.output / 'audit.html'}, audit.json and nearest.png are in {options.output}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return console.run(AuditOptions, run, arguments, prog="python -m ambient audit")


def _features(options: AuditOptions) -> FeatureMap | None:
    from ambient.metrics.pretrained import Pretrained, clip, dinov2
    from ambient.metrics.pretrained.clip import CLIP
    from ambient.metrics.pretrained.dinov2 import DINOV2

    source = None if options.weights is None else str(options.weights)
    if options.features == "pixels":
        return None
    if options.features == "clip":
        return clip(Pretrained(source or CLIP, options.download, options.device))
    protocols: dict[str, Literal["p2", "p1", "standard"]] = {
        "dinov2-p2": "p2",
        "dinov2-p1": "p1",
        "dinov2-standard": "standard",
    }
    return dinov2(protocols[options.features], Pretrained(source or DINOV2, options.download, options.device))


def _say_notes(found: Audit) -> None:
    for note in found.notes:
        console.say("[yellow]note:[/yellow]", note)


if __name__ == "__main__":
    sys.exit(main())
