"""`python -m benchmarks.linear`: sampling from measurements where the denoiser, and the posterior, are exact."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ambient.runs.console import run
from ambient.runs.places import require_folder


@dataclass(frozen=True)
class Guidance:
    """Samples of p(x_0 | y) by every correction of an exact denoiser, against exact samples.

    Attributes:
        pairs: Pairs (x_0, y).
        steps: Levels of the ancestral sampler.
        sigma_y: Noise of the measurements, of half of the coordinates.
        zetas: Step sizes of DPS.
        iterations: Of MMPS's conjugate gradients.
        output: Folder of `guidance.json`.
    """

    pairs: int = 2048
    steps: int = 24
    sigma_y: float = 0.1
    zetas: tuple[float, ...] = (0.1, 0.3, 1.0)
    iterations: tuple[int, ...] = (1, 3, 8)
    output: Path = Path("runs/linear")

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        require_folder(self.output)
        _at_least(self, {"pairs": 2, "steps": 2})
        for name in ("zetas", "iterations"):
            if not getattr(self, name) or not min(getattr(self, name)) > 0:
                raise ValueError(f"--{name}: name at least one, above 0")
        if not self.sigma_y > 0:
            raise ValueError(f"--sigma-y {self.sigma_y:g}: must be above 0")


@dataclass(frozen=True)
class FixedMask:
    """Ambient Diffusion's sampler, which keeps one mask for a whole image, with the exact E[X_0 | A X_t, A].

    Attributes:
        hidden: Chance that a coordinate is hidden in the data.
        further: Chances that one more is hidden in sampling.
        samples: How many.
        steps: Levels of the sampler.
        output: Folder of `fixed_mask.json`.
    """

    hidden: float = 0.5
    further: tuple[float, ...] = (0.0, 0.1, 0.5)
    samples: int = 4000
    steps: int = 24
    output: Path = Path("runs/linear")

    def check(self) -> None:
        """Raises ValueError, naming the option, for values that cannot work."""
        require_folder(self.output)
        _at_least(self, {"samples": 2, "steps": 2})
        if not 0 < self.hidden < 1:
            raise ValueError(f"--hidden {self.hidden:g}: a chance, between 0 and 1")
        if not self.further or not all(0 <= f < 1 for f in self.further):
            raise ValueError("--further: chances, 0 or more and below 1")


def _at_least(options: object, least: dict[str, int]) -> None:
    for name, bound in least.items():
        if getattr(options, name) < bound:
            raise ValueError(f"--{name} {getattr(options, name)}: at least {bound}")


Command = (
    Annotated[Guidance, tyro.conf.subcommand("guidance")] | Annotated[FixedMask, tyro.conf.subcommand("fixed-mask")]
)


def work(options: Guidance | FixedMask) -> None:
    """Print one table, and write its figures down."""
    import torch

    torch.set_num_threads(1)
    if isinstance(options, Guidance):
        from benchmarks.linear.guidance import report

        report(options.pairs, options.steps, options.sigma_y, options.zetas, options.iterations, options.output)
    else:
        from benchmarks.linear.fixed_mask import report as report_masks

        report_masks(options.hidden, options.further, options.samples, options.steps, options.output)


if __name__ == "__main__":
    sys.exit(run(Command, work, prog="python -m benchmarks.linear"))
