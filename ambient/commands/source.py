"""Where images are, as options that all commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro


@dataclass(frozen=True)
class Source:
    """Images and how to read them."""

    source: tyro.conf.Positional[str]
    """Folder, zip, tar, .npy or .npz of images, or a saved Hugging Face data set."""
    range: tuple[float, float] | None = None
    """Values that mean black and white, for arrays and float images: they are mapped to -1 and 1."""
    channels: Literal["rgb", "grey", "keep"] = "keep"
    """rgb repeats grey images; grey takes the luma of colour images, which changes their noise."""
    skip_bad: bool = False
    """Leave out files that cannot be used, and name them, instead of refusing the data."""
