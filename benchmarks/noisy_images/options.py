"""The options of `python -m benchmarks.noisy_images`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ambient.runs.places import require_folder

Form = Literal["float", "8-bit"]
"""How noisy images are stored."""


@dataclass(frozen=True)
class Budget:
    """What every model is given.

    Attributes:
        steps: Updates.
        batch: Images an update, a multiple of 16.
        learning_rate: Peak learning rate.
        images: Images trained on, at most; X-rays have fewer.
        held_out: Clean images that samples are compared with.
        judged: Images restored of those trained on, and of the held-out ones.
        samples: Images generated.
    """

    steps: int = 200
    batch: int = 32
    learning_rate: float = 2e-3
    images: int = 5000
    held_out: int = 100
    judged: int = 50
    samples: int = 200

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.batch % 16:
            raise ValueError(f"steps {self.steps}, batch {self.batch}: at least 1, and a multiple of 16")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate {self.learning_rate}: above 0")
        if self.images < 2 or min(self.held_out, self.samples) < 2 or not 1 <= self.judged <= self.held_out:
            raise ValueError("images, held-out and samples: at least 2; judged: 1 to as many as are held out")


@dataclass(frozen=True)
class NoisyImages:
    """Restorations and samples from noisy images of known truth. The same command goes on where it was.

    Attributes:
        xrays: Archive or folder of X-rays, taken in grey at 32x32 and 64x64.
        cifar: CIFAR-10.
        sigmas: Noise levels, for images in [-1, 1].
        splits: Which images are held out, and which noise.
        rounded: Splits of which 8-bit files are looked at too.
        budget: Of every model.
        train: Whether to compute what is missing; else what is there is reported.
        threads: Of torch.
        output: Folder of a `result.json` each, the table and the pictures.
    """

    budget: Budget
    xrays: Path | None = None
    cifar: Path | None = None
    sigmas: tuple[float, ...] = (0.3, 0.1, 0.6)
    splits: tuple[int, ...] = (0, 1, 2)
    rounded: tuple[int, ...] = (0,)
    train: bool = True
    threads: int = 1
    output: Path = Path("runs/noisy_images")

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        require_folder(self.output)
        if self.xrays is None and self.cifar is None:
            raise ValueError("no images: give --xrays or --cifar")
        if not self.sigmas or min(self.sigmas) <= 0:
            raise ValueError(f"--sigmas {self.sigmas}: one level or more, above 0")
        if not self.splits or min(self.splits) < 0:
            raise ValueError(f"--splits {self.splits}: one or more, from 0")
        if wrong := sorted(set(self.rounded) - set(self.splits)):
            raise ValueError(f"--rounded {wrong[0]} is none of --splits")
        if self.threads < 1:
            raise ValueError(f"--threads {self.threads}: at least 1")
