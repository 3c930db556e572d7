"""The options of `python -m benchmarks.five_lines`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class FiveLines:
    """The restored digits of the README against the clean ones.

    Attributes:
        noisy: Folder that `python -m ambient example` wrote.
        run: Folder of `python -m ambient train`.
        restored: Folder of `python -m ambient restore`.
        threads: Of torch, for the model trained as if the files were clean.
        output: Folder for that model, and `five_lines.json`.
    """

    noisy: tyro.conf.Positional[Path]
    run: tyro.conf.Positional[Path]
    restored: tyro.conf.Positional[Path]
    threads: int = 2
    output: Path = Path("runs/five_lines")

    def check(self) -> None:
        """Raises ValueError for values that cannot work, naming the option."""
        if self.threads < 1:
            raise ValueError(f"--threads {self.threads}: at least 1")
        for folder in (self.noisy, self.run, self.restored / "mean"):
            if not folder.is_dir():
                raise ValueError(f"{folder}: there is no such folder; run the README's five lines first")
