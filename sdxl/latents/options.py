"""Options of `python -m sdxl.latents`."""

from __future__ import annotations

from dataclasses import dataclass, field

from sdxl.options import RunOptions, require_at_least
from sdxl.source import Source


@dataclass(frozen=True)
class LatentOptions:
    """Encode images and captions once; at a nature level above 0 only noisy latents are written.

    The seed decides the noise: keep it secret where the images are, for who knows it can remove the noise.
    Interrupted? Run the same command again: it goes on where it was.
    """

    source: Source
    run: RunOptions = field(default_factory=RunOptions)
    nature: int = field(kw_only=True)
    """t_n, the 0-based step of the model's schedule at which the data are given, as in P1 100, 500 or 800; 0: clean."""
    keep_clean: bool = False
    """Write the clean latents too, for Algorithm 1 (`--method hybrid`)."""
    resolution: int | None = None
    """Side of the images, cut from the centre and reduced; by default that of the model."""
    shard: int = 256
    """Images a shard of the cache."""
    skip_bad: bool = False
    """Leave out files that are no usable images, instead of stopping at the first."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        self.run.check()
        require_at_least(1, shard=self.shard, resolution=self.resolution)
        require_at_least(0, nature=self.nature)
        if self.keep_clean and self.nature == 0:
            raise ValueError("--keep-clean with --nature 0: the latents are clean already")
