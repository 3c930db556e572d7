"""What a script found, before it is written: tables, tests and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from paper_repro.report.claims import Test, untestable
from paper_repro.report.results import Finding
from paper_repro.report.tables import Table

if TYPE_CHECKING:
    from paper_repro.report.pictures import Panels, Rows

RANDOM = "the pipeline has random weights, which have learnt nothing"
"""Why the tiny pipeline says nothing about a claim."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What some models show of an artefact.

    Attributes:
        tables: Ours beside the paper's.
        tests: The claim on our figures.
        pictures: By file name.
        surrogates: What stands for what.
    """

    tables: tuple[Table, ...]
    tests: tuple[Test, ...]
    pictures: Mapping[str, Rows | Panels] = field(default_factory=dict)
    surrogates: tuple[str, ...] = ()

    def undecided(self, why: str) -> Evidence:
        """The same, where nothing follows for the claim."""
        return replace(self, tests=tuple(untestable(test.claim, why) for test in self.tests))

    def followed_by(self, other: Evidence) -> Evidence:
        """Tables and pictures of both, and the tests of the other, which decide."""
        pictures = dict(self.pictures)
        for name, picture in other.pictures.items():
            pictures[name] = _joined(pictures[name], picture) if name in pictures else picture
        return Evidence(self.tables + other.tables, other.tests, pictures, self.surrogates + other.surrogates)

    def write(self, folder: Path) -> Finding:
        """Write the pictures, as PNG."""
        from ambient.runs.figures import save_figure

        for name, picture in self.pictures.items():
            save_figure(folder / name, picture.figure(), dpi=110)
        captions = {name: picture.caption for name, picture in self.pictures.items()}
        return Finding(self.tables, self.tests, captions, self.surrogates)


def _joined(left: Rows | Panels, right: Rows | Panels) -> Panels:
    """Two sets of panels side by side. Raises TypeError if one is rows of images, which have names of their own."""
    from paper_repro.report.pictures import Panels

    if not (isinstance(left, Panels) and isinstance(right, Panels)):
        raise TypeError("two pictures of rows have the same file name")
    return left.beside(right)
