from __future__ import annotations

import pytest

from paper_repro.registry.artefacts import ARTEFACTS, find


def test_there_are_twenty_one_in_the_papers_order() -> None:
    parts = (("p1-table", 1), ("p1-figure", 11), ("p2-table", 3), ("p2-figure", 6))
    wanted = [f"{part}{i}" for part, count in parts for i in range(1, count + 1)]
    assert [artefact.name for artefact in ARTEFACTS] == wanted


def test_artefacts_are_found_in_the_registrys_order() -> None:
    assert [a.name for a in find(["p2-table1", "p1-figure4"])] == ["p1-figure4", "p2-table1"]
    assert find(["all", "p1-table1"]) == list(ARTEFACTS)
    with pytest.raises(ValueError, match="there is no artefact p3-table1"):
        find(["p3-table1"])


def test_where_small_models_stand_in_it_is_said() -> None:
    assert all(artefact.surrogates for artefact in ARTEFACTS if artefact.stand_ins)
