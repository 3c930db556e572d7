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

from paper_repro.claims import Test, below, untestable
from paper_repro.make_toy import Cells
from paper_repro.show import ratio, spread
from paper_repro.sizes import Block

MARGIN = 1.05
"""Quality this many times DDPM's is "no worse"."""
TITLES = {
    "frechet_inception": "FID",
    "frechet_classifier": "FD classifier",
    "frechet_pixels": "FD pixels",
    "frechet_random": "FD random",
    "s90": "S.90 pixels",
    "s95": "S.95 pixels",
    "m13": "m13",
    "p_train": "P_tr",
}


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
    def of(cls, cells: Cells) -> Rows:
        """Rows of the models that are there on every split of DDPM's; levels that lack a split are left out.

        Raises:
            ValueError: If there is no split that has DDPM and Algorithm 1.
        """
        ddpm = {cell.seed: values for cell, values in cells.items() if cell.method == "dsm"}
        by_key: dict[Any, dict[int, dict[str, Any]]] = {}
        for cell, values in cells.items():
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


def column(rows: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """One figure of each split; similarities in per cent, as in the paper."""
    return [float(row[key]) * (100 if _is_share(key) else 1) for row in rows]


def entries(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> tuple[str, ...]:
    """Mean ± spread of some figures."""
    return tuple(spread(column(rows, key), 1 if _is_share(key) else 2) for key in keys)


def title(key: str) -> str:
    """What a figure is called."""
    if key in TITLES:
        return TITLES[key] + (", %" if _is_share(key) else "")
    return key.replace("_dinov2-p2", " DINOv2, %").replace("s0", "S").replace("_", " ")


def no_worse(where: str, rows: Rows, ours: Sequence[Mapping[str, Any]]) -> Test:
    """Quality within the margin of DDPM's."""
    key = rows.quality
    return below(
        f"{where}: {title(key)} of Algorithm 1 below {MARGIN:g} of DDPM's",
        ratio(column(ours, key), column(rows.ddpm, key)),
        MARGIN,
    )


def fewer(where: str, rows: Rows, ours: Sequence[Mapping[str, Any]]) -> Test:
    """Memorisation below DDPM's, in the strictest measure that finds any in every split."""
    for key in reversed(rows.copying):
        if all(value > 0 for value in column(rows.ddpm, key)):
            found = ratio(column(ours, key), column(rows.ddpm, key))
            return below(f"{where}: {title(key)} of Algorithm 1 below DDPM's", found, 1.0)
    return untestable(f"{where}: Algorithm 1 memorises less than DDPM", "DDPM itself memorises nothing in some split")


def describe(block: Block, n: int, rows: Rows) -> str:
    """Where figures come from, for tests."""
    count = len(rows.ddpm)
    return f"{block.data}, N = {n}, {count} split{'s' * (count > 1)}"


def _is_share(key: str) -> bool:
    return key in ("s90", "s95", "m13", "p_train") or key.startswith("s0.")
