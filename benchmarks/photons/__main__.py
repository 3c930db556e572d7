"""`python -m benchmarks.photons`; see the package."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from ambient.runs.console import run


@dataclass(frozen=True)
class Photons:
    """Restore digits of few photons by models that know of photons and that do not.

    Interrupted? Run the same command again: it goes on where it was.

    Attributes:
        noise: Each noise, as `train --noise` takes it.
        seeds: Draws of the noise; each also decides a training.
        steps: Updates of each model.
        images: Digits, from the beginning.
        output: Folder of the runs, of photons.md and photons.json.
    """

    noise: tuple[str, ...] = ("poisson:0.2", "poisson:0.1:0.05")
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int = 600
    images: int = 1797
    output: Path = Path("runs/photons")

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        from ambient.noise.units import parse_poisson
        from ambient.runs.places import require_folder

        require_folder(self.output)
        for noise in self.noise:
            if parse_poisson(noise) is None:
                raise ValueError(f"--noise {noise}: write poisson:GAIN or poisson:GAIN:SIGMA")
        for name, least in (("steps", 1), ("images", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} {getattr(self, name)}: at least {least}")


def _work(options: Photons) -> None:
    from benchmarks.photons.work import work

    work(options)


if __name__ == "__main__":
    sys.exit(run(Photons, _work, prog="python -m benchmarks.photons"))
