"""Options of `python -m sdxl.mini`. Nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from sdxl.options import Sampler, require_at_least


@dataclass(frozen=True)
class TrainMini:
    """Train a small SDXL on CIFAR-10 with captions made from its classes: VAE, text encoders, U-Net.

    Interrupted? Run the same command again: it goes on where it was. A finished model can be given more --steps.
    """

    data: Path
    """CIFAR-10: the archive, or the folder of its batches."""
    output: Path
    """Folder of the model; training/ in it holds the runs."""
    images: int | None = None
    """How many of the training images are trained on, equally many of each class if ten divides it; all if not given.
    The dial of memorisation."""
    vae: Path | None = None
    """Take the VAE of another mini model instead of training one; the card then lists what that one has seen."""
    seed: int = 0
    """Decides which images, and all that is random."""
    steps: int = 6000
    """Updates of the U-Net."""
    batch: int = 32
    """Images an update of the U-Net."""
    learning_rate: float = 1e-3
    """Of the U-Net; constant after 200 updates."""
    ema: float = 0.999
    """Decay of the moving average of the U-Net's weights, which is what is saved."""
    widths: tuple[int, ...] = (32, 48, 96)
    """Channels of the U-Net at each resolution, multiples of 16."""
    vae_steps: int = 2500
    """Updates of the VAE, of 16 images each."""
    vae_widths: tuple[int, ...] = (16, 32)
    """Channels of the VAE at full and at half resolution, multiples of 8."""
    vae_colours: float = 2.0
    """Weight of the colours of 4x4 blocks in the VAE's loss."""
    text_steps: int = 150
    """Updates of the text encoders."""
    sample_every: int = 1000
    """Updates of the U-Net between grids of samples."""
    checkpoint_every: int = 200
    """Updates between checkpoints."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        require_at_least(1, images=self.images, steps=self.steps, batch=self.batch, vae_steps=self.vae_steps)
        require_at_least(1, text_steps=self.text_steps, sample_every=self.sample_every)
        require_at_least(1, checkpoint_every=self.checkpoint_every)
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")
        if not self.learning_rate > 0:
            raise ValueError(f"--learning-rate {self.learning_rate:g}: above 0")
        if not self.vae_colours >= 0:
            raise ValueError(f"--vae-colours {self.vae_colours:g}: 0 or more")
        if not 0 <= self.ema < 1:
            raise ValueError(f"--ema {self.ema:g}: 0 (none) or more, and below 1")
        if not 2 <= len(self.widths) <= 4 or any(width < 16 or width % 16 for width in self.widths):
            raise ValueError(f"--widths {_listed(self.widths)}: two to four multiples of 16")
        if len(self.vae_widths) != 2 or any(width < 8 or width % 8 for width in self.vae_widths):
            raise ValueError(f"--vae-widths {_listed(self.vae_widths)}: two multiples of 8")
        if self.vae is not None and not (self.vae / "vae" / "config.json").is_file():
            raise ValueError(f"--vae {self.vae} is not the folder of a mini model: it holds no vae/config.json")


def _listed(values: tuple[int, ...]) -> str:
    return " ".join(map(str, values))


@dataclass(frozen=True)
class GetMini:
    """Write the mini model that comes with this package, trained as its README.md says."""

    output: tyro.conf.Positional[Path]
    """Folder to write; must be new, or hold the same model."""


@dataclass(frozen=True)
class JudgeMini:
    """Judge a mini model: do guided samples show what was asked for, in the eyes of a classifier of real images?"""

    model: tyro.conf.Positional[Path]
    """Folder of the model."""
    data: Path
    """CIFAR-10: the archive, or the folder of its batches."""
    output: Path
    """Folder of the results."""
    samples: int = 1000
    """Guided samples, equally many of each class."""
    guidance: float = 3.0
    """Classifier-free guidance scale."""
    steps: int = 25
    """Levels of the sampling grid."""
    scheduler: str = "DDIM"
    """A diffusers scheduler."""
    batch: int = 100
    """Samples at a time."""
    seed: int = 0
    """Decides the samples, and the classifier."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        require_at_least(10, samples=self.samples)
        require_at_least(1, batch=self.batch)
        if self.samples % 10:
            raise ValueError(f"--samples {self.samples}: a multiple of 10, one for each class")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")
        Sampler(self.scheduler, self.steps, self.guidance).check()
