"""The options of `python -m benchmarks.mixed_levels`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ambient.runs.places import require_folder


@dataclass(frozen=True)
class MixedLevels:
    """Levels per image, in exact worlds and on images. The same command goes on where it was.

    Attributes:
        xrays: Archive or folder of X-rays, taken in grey at 32x32; without it none are looked at.
        cifar: CIFAR-10; without it none is looked at.
        sigma_nature: Noise level of the noisy images.
        splits: Which images are held out, and which noise.
        steps: Updates.
        batch: Images an update, a multiple of 16.
        learning_rate: Peak learning rate.
        images: Images trained on, at most.
        held_out: Held-out images.
        judged: Of these, how many are restored.
        samples: Images generated.
        sizes: Samples of an exact world.
        repetitions: Draws of an exact world's samples.
        train: Whether to compute what is missing.
        threads: Of torch.
        output: Folder of a `result.json` each and the table.
    """

    xrays: Path | None = None
    cifar: Path | None = None
    sigma_nature: float = 0.4
    splits: tuple[int, ...] = (0, 1, 2)
    steps: int = 200
    batch: int = 32
    learning_rate: float = 2e-3
    images: int = 5000
    held_out: int = 100
    judged: int = 50
    samples: int = 200
    sizes: tuple[int, ...] = (64, 256, 1024, 4096)
    repetitions: int = 50
    train: bool = True
    threads: int = 1
    output: Path = Path("runs/mixed_levels")

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        if not self.sigma_nature > 0:
            raise ValueError(f"--sigma-nature {self.sigma_nature:g}: above 0")
        if self.batch < 16 or self.batch % 16:
            raise ValueError(f"--batch {self.batch}: a multiple of 16")
        for name in ("steps", "images", "judged", "repetitions", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)}: at least 1")
        if not self.splits or min(self.splits) < 0:
            raise ValueError(f"--splits {self.splits}: one or more, from 0")
        if self.judged > self.held_out:
            raise ValueError(f"--judged {self.judged}: at most the {self.held_out} that are held out")
        if self.xrays is None and self.cifar is None:
            raise ValueError("no images: give --xrays or --cifar")
        require_folder(self.output)
        if not self.sizes or min(self.sizes) < 4 or any(n % 2 for n in self.sizes):
            raise ValueError(f"--sizes {self.sizes}: even numbers, at least 4")
