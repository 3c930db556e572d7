"""Whether a method leaves the frontier between quality and memorisation that DSM has by itself, when it stops early.

DSM stopped after fewer steps copies less: its share of copies m13 grows with the steps, and its Fréchet distance d goes
with it. For a method with distance d and share of copies m,

    gap = d - d_DSM(m),

d_DSM linear between the stops of the same split. Below zero, the method is nearer to real images than DSM is when it
copies as much. Beyond the ends of the curve there is nothing to compare with. It is asked at equal m13 and not at equal
distance, since the distance need not fall with the steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toy.cells import Cell


def gap(distance: float, copies: float, frontier: Sequence[tuple[float, float]]) -> float | None:
    """d - d_DSM(m), or None if m lies outside the frontier.

    Args:
        distance: d of the method.
        copies: m of the method, in [0, 1].
        frontier: Pairs (d, m) of DSM's stops, at least two, in any order.
    """
    m, d = np.array(sorted((m, d) for d, m in frontier)).T
    if len(m) < 2 or not m[0] <= copies <= m[-1]:
        return None
    return float(distance - np.interp(copies, m, d))


def gaps(models: Mapping[Cell, Mapping[str, Any]], key: str) -> dict[str, list[float]]:
    """The gap of each method's row, in every split where there is one.

    Args:
        models: Metrics of the cells; those of DSM with `stop` make the frontiers.
        key: Which Fréchet distance.
    """
    frontiers: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for cell, values in models.items():
        if cell.method == "dsm":
            frontiers.setdefault((cell.seed, cell.images), []).append((values[key], values["m13"]))
    found: dict[str, list[float]] = {}
    for cell, values in models.items():
        frontier = frontiers.get((cell.seed, cell.images), [])
        if cell.method == "dsm" or len(frontier) < 2:
            continue
        if (value := gap(values[key], values["m13"], frontier)) is not None:
            found.setdefault(cell.row, []).append(value)
    return found
