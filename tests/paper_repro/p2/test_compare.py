"""The choice of a nature level on other splits, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from paper_repro.makers.trained import Cell
from paper_repro.p2.compare import Rows, fewer, no_worse


def _cells(figures: dict[tuple[str, float | None], list[tuple[float, float]]]) -> dict[Cell, dict[str, Any]]:
    """(method, level) -> (quality, copies) of each split."""
    return {
        Cell(method, sigma, seed): {"frechet_pixels": q, "s90": c, "s95": c, "m13": c}  # type: ignore[arg-type]
        for (method, sigma), splits in figures.items()
        for seed, (q, c) in enumerate(splits)
    }


def test_the_level_of_a_split_is_chosen_on_the_others() -> None:
    cells = _cells({
        ("dsm", None): [(1.0, 0.9), (1.0, 0.9), (1.0, 0.9)],
        ("hybrid", 0.2): [(1.0, 0.5), (1.0, 0.5), (1.0, 0.5)],
        # Would be chosen on split 0 alone, but is bad elsewhere.
        ("hybrid", 0.4): [(1.0, 0.0), (9.0, 0.4), (9.0, 0.4)],
    })  # fmt: skip
    rows = Rows.of(cells)
    ours, levels = rows.ours()
    assert levels == [0.2, 0.2, 0.2]
    assert [row["m13"] for row in ours] == [0.5, 0.5, 0.5]


def test_without_a_level_of_good_quality_the_best_one_is_taken_and_the_claim_fails() -> None:
    cells = _cells({
        ("dsm", None): [(1.0, 0.9), (1.1, 0.8), (1.0, 0.9)],
        ("hybrid", 0.2): [(2.0, 0.1), (2.1, 0.1), (2.2, 0.1)],
        ("hybrid", 0.4): [(3.0, 0.0), (3.1, 0.0), (3.2, 0.0)],
    })  # fmt: skip
    rows = Rows.of(cells)
    ours, levels = rows.ours()
    assert levels == [0.2, 0.2, 0.2]
    assert no_worse("here", rows, ours).outcome == "does not hold"
    assert fewer("here", rows, ours).outcome == "holds"


def test_where_ddpm_copies_nothing_there_is_nothing_to_lower() -> None:
    rows = Rows.of(_cells({("dsm", None): [(1, 0), (1, 0)], ("hybrid", 0.2): [(1, 0), (1, 0)]}))
    assert fewer("here", rows, rows.levels[0.2]).outcome == "cannot be tested at this scale"


def test_only_splits_that_have_both_count() -> None:
    cells = _cells({("dsm", None): [(1, 0.5), (2, 0.5)], ("hybrid", 0.2): [(1, 0.1)]})
    assert [row["frechet_pixels"] for row in Rows.of(cells).ddpm] == [1]
    with pytest.raises(ValueError, match="no split"):
        Rows.of(_cells({("dsm", None): [], ("hybrid", 0.2): [(1, 0.1)]}))
