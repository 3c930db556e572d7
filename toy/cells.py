"""The models that an experiment trains and audits: one for each method, number of images, nature level and split."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import product

from toy.methods import METHODS
from toy.names import MethodName, Sigma
from toy.options import SweepOptions


@dataclass(frozen=True)
class Cell:
    """One model.

    Attributes:
        method: How it is trained.
        sigma_nature: The nature level; "auto" for the collapse level of its images, None where there is none.
        seed: Which split.
        images: Number of training images.
        stop: After how many steps it is looked at; None for all.
        swept: Whether other cells have other numbers of images, so that this one's has to be named.
    """

    method: MethodName
    sigma_nature: Sigma | None
    seed: int
    images: int = 100
    stop: int | None = None
    swept: bool = dataclasses.field(default=False, compare=False)

    @property
    def row(self) -> str:
        """Title of the cell's row in tables, the same for every split."""
        parts = [METHODS[self.method].title]
        if self.stop is not None:
            parts.append(f"stopped at {self.stop}")
        if self.sigma_nature is not None:
            parts.append(f"σ_n = {_text(self.sigma_nature)}")
        if self.swept:
            parts.append(f"N = {self.images}")
        return ", ".join(parts)

    @property
    def name(self) -> str:
        """Name of the cell's folder."""
        level = "" if self.sigma_nature is None else f"-sigma{_text(self.sigma_nature)}"
        stop = "" if self.stop is None else f"-stop{self.stop}"
        return f"{self.method}{level}-n{self.images}-seed{self.seed}{stop}"

    @property
    def whole(self) -> Cell:
        """The cell that trains the model of this one."""
        return dataclasses.replace(self, stop=None)


def cells_of(sweep: SweepOptions) -> list[Cell]:
    """Every model of a sweep, each stopped one after the one that it comes from.

    Methods that do not depend on the nature level have one cell for all levels.
    """
    cells = []
    several = len(sweep.images) > 1
    for seed, n, name in product(sweep.seeds, sweep.images, sweep.methods):
        method = METHODS[name]
        levels: tuple[Sigma | None, ...] = (None,)
        if method.levelled:
            levels = sweep.sigma_controls if method.control and sweep.sigma_controls else sweep.sigma_nature
        stops: tuple[int | None, ...] = (None, *sweep.stops) if name == "dsm" else (None,)
        cells += [Cell(name, sigma, seed, n, stop, several) for sigma in levels for stop in stops]
    return cells


def _text(sigma: Sigma) -> str:
    return sigma if isinstance(sigma, str) else f"{sigma:g}"
