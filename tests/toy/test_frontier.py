from __future__ import annotations

import pytest

from toy.cells import Cell
from toy.frontier import gap, gaps


def test_the_gap_is_measured_where_as_much_is_copied() -> None:
    frontier = [(2.0, 0.2), (1.0, 0.8), (1.5, 0.4)]
    assert gap(1.0, 0.6, frontier) == pytest.approx(1.0 - 1.25)
    assert gap(2.0, 0.2, frontier) == pytest.approx(0)
    assert gap(1.0, 0.1, frontier) is None
    assert gap(1.0, 0.9, frontier) is None
    assert gap(1.0, 0.8, [(1.0, 0.8)]) is None


def test_each_split_has_its_own_frontier() -> None:
    models = {}
    for seed, shift in ((0, 0.0), (1, 0.1)):
        for stop, distance, copies in ((None, 1.0, 0.8), (100, 2.0, 0.2)):
            models[Cell("dsm", None, seed, 50, stop)] = {"d": distance, "m13": copies + shift}
        models[Cell("hybrid", 0.4, seed, 50)] = {"d": 1.5, "m13": 0.5}
    models[Cell("dropout", None, 0, 50)] = {"d": 9.0, "m13": 0.0}
    models[Cell("hybrid", 0.4, 2, 50)] = {"d": 1.5, "m13": 0.3}
    assert gaps(models, "d") == {"hybrid, σ_n = 0.4": pytest.approx([0.0, 1.5 - 2 + 0.2 / 0.6])}
