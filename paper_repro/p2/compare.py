"""What the scripts of P2's tables share: figures of models split by split, and the choice of a nature level.

The paper tunes t_n to DDPM's FID and then measures memorisation. Choosing and measuring on the same models would
flatter the choice, so with several splits the level of each is chosen on the others: of the levels whose quality there
is within 5 % of DDPM's the one that memorises least, or the one of the best quality if there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from paper_repro.makers.trained import Audits, Trained
from paper_repro.report.claims import Test, below, untestable
from paper_repro.report.estimates import ratio
from paper_repro.report.measures import column, entries, title_of
from paper_repro.report.tables import Table

MARGIN = 1.05
"""Quality this many times DDPM's is "no worse"."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The audits of some models, split by split in the same order, at one number of images of one block.

    Attributes:
        ddpm: Of DDPM's objective.
        levels: Of Algorithm 1 by nature level, on the splits that DDPM has too.
        others: Of other methods.
    """

    ddpm: list[dict[str, Any]]
    levels: dict[float, list[dict[str, Any]]]
    others: dict[str, list[dict[str, Any]]]

    @classmethod
    def of(cls, audits: Audits) -> Rows:
        """Rows of the models that are there on every split of DDPM's; levels that lack a split are left out.

        Raises:
            ValueError: If there is no split that has DDPM and Algorithm 1.
        """
        ddpm = {cell.seed: values for cell, values in audits.items() if cell.method == "dsm"}
        by_key: dict[Any, dict[int, dict[str, Any]]] = {}
        for cell, values in audits.items():
            if cell.method != "dsm" and cell.sigma_nature != "auto":
                by_key.setdefault((cell.method, cell.sigma_nature), {})[cell.seed] = values
        hybrid = [set(found) for (method, _), found in by_key.items() if method == "hybrid"]
        seeds = sorted(set(ddpm) & (max(hybrid, key=lambda s: len(s & set(ddpm))) if hybrid else set(ddpm)))
        if not seeds:
            raise ValueError("no split has both DDPM and Algorithm 1; train them without --only-made")
        whole = {key: [found[s] for s in seeds] for key, found in by_key.items() if set(seeds) <= set(found)}
        levels = {float(sigma): rows for (method, sigma), rows in whole.items() if method == "hybrid"}
        others = {method: rows for (method, _), rows in whole.items() if method != "hybrid"}
        return cls([ddpm[s] for s in seeds], dict(sorted(levels.items())), others)

    @property
    def quality(self) -> str:
        """The distance that takes FID's place."""
        known = ("frechet_inception", "frechet_classifier", "frechet_pixels")
        return next(key for key in known if key in self.ddpm[0])

    @property
    def copying(self) -> list[str]:
        """The shares of memorised images: the paper's on DINOv2, else of centred pixels and m13."""
        deep = sorted(key for key in self.ddpm[0] if key.startswith("s0.") and key.endswith("dinov2-p2"))
        return deep or ["s90", "s95", "m13"]

    def ours(self) -> tuple[list[dict[str, Any]], list[float]]:
        """Algorithm 1 at the level chosen for each split, and these levels; see the module."""
        chosen = []
        for i in range(len(self.ddpm)):
            rest = [j for j in range(len(self.ddpm)) if j != i] or [i]
            chosen.append(self._choose(rest))
        return [self.levels[sigma][i] for i, sigma in enumerate(chosen)], chosen

    def _choose(self, splits: Sequence[int]) -> float:
        def mean(rows: list[dict[str, Any]], key: str) -> float:
            return fmean(rows[j][key] for j in splits)

        quality, copying = self.quality, self.copying[-1]
        limit = MARGIN * mean(self.ddpm, quality)
        good = [sigma for sigma, rows in self.levels.items() if mean(rows, quality) <= limit]
        if good:
            return min(good, key=lambda sigma: mean(self.levels[sigma], copying))
        return min(self.levels, key=lambda sigma: mean(self.levels[sigma], quality))


def no_worse(where: str, rows: Rows, ours: Sequence[Mapping[str, Any]]) -> Test:
    """Quality within the margin of DDPM's."""
    key = rows.quality
    return below(
        f"{where}: {title_of(key)} of Algorithm 1 below {MARGIN:g} of DDPM's",
        ratio(column(ours, key), column(rows.ddpm, key)),
        MARGIN,
    )


def fewer(where: str, rows: Rows, ours: Sequence[Mapping[str, Any]]) -> Test:
    """Memorisation below DDPM's, in the strictest measure that finds any in every split."""
    for key in reversed(rows.copying):
        if all(value > 0 for value in column(rows.ddpm, key)):
            found = ratio(column(ours, key), column(rows.ddpm, key))
            return below(f"{where}: {title_of(key)} of Algorithm 1 below DDPM's", found, 1.0)
    return untestable(f"{where}: Algorithm 1 memorises less than DDPM", "DDPM itself memorises nothing in some split")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Models of one block and number of images, side by side.

    Attributes:
        trained: The models.
        rows: Their audits.
    """

    trained: Trained
    rows: Rows

    @property
    def where(self) -> str:
        """Where figures come from, for tests."""
        count = len(self.rows.ddpm)
        return f"{self.trained.block.data}, N = {self.trained.images}, {count} split{'' if count == 1 else 's'}"

    @property
    def middle(self) -> list[dict[str, Any]]:
        """Algorithm 1 at the block's middle level."""
        return self.rows.levels[self.trained.block.middle]

    def table(self, title: str, lines: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
        """A table of quality and copying: the audits of each split by the name of a line."""
        return table(title, self.rows, lines)

    def verdicts(self, ours: Sequence[Mapping[str, Any]]) -> list[Test]:
        """The claim about Algorithm 1, some audits of which are given: quality no worse than DDPM's, fewer copies."""
        return [no_worse(self.where, self.rows, ours), fewer(self.where, self.rows, ours)]


def compare(blocks: Sequence[Sequence[Trained]], *methods: str) -> list[list[Comparison]]:
    """The models of each block and number of images that has all of `methods`; without `--only-made` all have.

    Raises:
        ValueError: If none has.
    """
    found = [
        [Comparison(trained, Rows.of(trained.audits)) for trained in by_size if all(map(trained.of, methods))]
        for by_size in blocks
    ]
    if not any(found):
        raise ValueError(f"no number of images has models of {', '.join(methods)}; train them without --only-made")
    return [by_size for by_size in found if by_size]


def table(title: str, rows: Rows, lines: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """A table of the quality and copying that `rows` know of: the audits of each split by the name of a line."""
    keys = [rows.quality, *rows.copying]
    found = tuple((name, *entries(audits, keys)) for name, audits in lines.items())
    return Table(title, ("ours", *map(title_of, keys)), found)


def surrogates(blocks: Sequence[Sequence[Trained]], *others: str) -> tuple[str, ...]:
    """What stands for what in some blocks, each once: measures, `others`, then data."""
    found: list[str] = []
    for block in (by_size[0].block for by_size in blocks):
        found += [*block.stand_in_measures, *others, *block.stand_in_data]
    return tuple(dict.fromkeys(found))
