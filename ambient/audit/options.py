"""How sources are read and which features are used: options, without the libraries that do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ambient.data.images.options import SetOptions

Split = Literal["train", "test", "val"]
FeatureName = Literal["pixels", "dinov2-p2", "dinov2-p1", "dinov2-standard", "clip"]


@dataclass(frozen=True)
class Reading(SetOptions):
    """How all sources of images are read.

    Attributes:
        resolution: Side of the square that is cut out of the centre and reduced; None keeps the size.
        channels: "rgb" or "grey" converts; "keep" allows one kind.
        skip_bad: Leave out files that cannot be used, instead of refusing the source.
    """

    resolution: int | None = None
    channels: Literal["keep", "grey", "rgb"] = "keep"
    skip_bad: bool = False
