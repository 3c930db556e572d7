from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import statements
from theory.statements import NOT_CHECKED, STATEMENTS
from theory.statements.base import Evidence, Findings, Statement

NUMBERS = st.floats(-10, 10)


def evidence(holds: bool) -> Evidence:
    return Evidence("error", 0.0 if holds else 2.0, "<=", 1.0)


def findings(printed: list[bool], corrected: list[bool]) -> Findings:
    return Findings(tuple(map(evidence, printed)), tuple(map(evidence, corrected)))


def statement(expected: str = "exact") -> Statement:
    return Statement("X-1", "P0 eq. 1", "A claim.", lambda: findings([True], []), expected)  # type: ignore[arg-type]


@given(NUMBERS, NUMBERS)
def test_evidence_holds_when_its_relation_does(measured: float, bound: float) -> None:
    assert Evidence("x", measured, "<=", bound).holds == (measured <= bound)
    assert Evidence("x", measured, "<", bound).holds == (measured < bound)
    assert Evidence("x", measured, ">=", bound).holds == (not measured < bound)
    assert Evidence("x", measured, ">", bound).holds == (not measured <= bound)


@pytest.mark.parametrize("relation", ["<=", "<", ">=", ">"])
def test_undefined_numbers_support_nothing(relation: str) -> None:
    assert not Evidence("x", math.nan, relation, 1.0).holds  # type: ignore[arg-type]
    assert not Evidence("x", 1.0, relation, math.nan).holds  # type: ignore[arg-type]


@given(st.lists(st.booleans(), max_size=4), st.lists(st.booleans(), max_size=4))
def test_the_verdict_follows_from_the_evidence(printed: list[bool], corrected: list[bool]) -> None:
    verdict = statement().verdict(findings(printed, corrected))
    passes, mended = bool(printed) and all(printed), bool(corrected) and all(corrected)
    if passes and (mended or not corrected):
        assert verdict == "exact"
    elif mended and not passes and printed:
        assert verdict == "correction"
    elif not mended:
        assert verdict == "unsupported"


def test_only_the_words_are_on_record() -> None:
    mended = findings([False], [True])
    assert statement("misprint").verdict(mended) == "misprint"
    assert statement("correction").verdict(mended) == "correction"
    assert statement("misprint").verdict(findings([True], [True])) == "exact"
    assert statement("exact").verdict(findings([True], [False])) == "unsupported"
    assert statement("misprint").verdict(findings([False], [])) == "unsupported"


def test_every_module_of_statements_is_in_the_register() -> None:
    files = Path(statements.__file__).parent.glob("*.py")
    named = re.compile(r"^STATEMENTS\b", re.M)
    found = {path.stem for path in files if named.search(path.read_text(encoding="utf-8"))} - {"__init__"}
    assert found == {module.__name__.split(".")[-1] for module in statements._MODULES}


def test_every_id_is_unique_and_every_correction_is_spelled_out() -> None:
    ids = [entry.id for entry in (*STATEMENTS, *NOT_CHECKED)]
    assert len(set(ids)) == len(ids)
    for entry in STATEMENTS:
        assert entry.expected == "exact" or entry.corrected_form, entry.id
        assert entry.claim.endswith("."), entry.id
