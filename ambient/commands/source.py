"""Where images are, as options that all commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from ambient.data.images.options import SetOptions


@dataclass(frozen=True)
class Source(SetOptions):
    """Images and how to read them."""

    source: tyro.conf.Positional[str]
    """Images: a folder, an archive, a Hugging Face data set; or numbers: .npy, .npz, TIFF, 16-bit PNG."""
    range: Annotated[tuple[float, float] | None, tyro.conf.arg(metavar="LOW HIGH")] = None
    """Values of black and white in files of numbers; needed unless they are uint8."""
    array: str | None = None
    """Name of the array in a .npz file that holds several."""
    channels: Literal["keep", "grey", "rgb"] = "keep"
    """rgb repeats grey images; grey takes the luma of colour images, which changes their noise."""
    skip_bad: bool = False
    """Leave out files that cannot be used, and name them, instead of refusing the data."""
