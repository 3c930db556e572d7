from __future__ import annotations

import pytest

from theory.running import check, check_all
from theory.statements import STATEMENTS, Evidence, Findings, Statement

QUICK = [statement for statement in STATEMENTS if statement.id in {"P1-A.24", "P1-2.1", "P1-A.2"}]


def failing() -> Findings:
    raise ArithmeticError("no such number")


def statement(measured: float, expected: str = "exact", id_: str = "X-1") -> Statement:
    return Statement(
        id_,
        "P1 eq. 0",
        "A claim.",
        lambda: Findings((Evidence("e", measured, "<=", 1.0),)),
        expected,  # type: ignore[arg-type]
    )


def test_a_result_says_whether_the_record_still_stands() -> None:
    good, bad = check(statement(0.5)), check(statement(1.5))
    assert good.agrees
    assert good.verdict == "exact"
    assert good.seconds >= 0
    assert not bad.agrees
    assert bad.verdict == "unsupported"
    assert not check(statement(0.5, "misprint")).agrees


def test_an_exception_is_a_result_too() -> None:
    result = check(Statement("X-2", "P1 eq. 0", "A claim.", failing))
    assert result.verdict == "error"
    assert not result.agrees
    assert result.error == "ArithmeticError: no such number"
    assert result.evidence == ()


def test_results_come_in_the_order_of_the_statements() -> None:
    seen: list[str] = []
    results = check_all([statement(0.1, id_="b"), statement(0.2, id_="a")], done=lambda r: seen.append(r.statement.id))
    assert [result.statement.id for result in results] == seen == ["b", "a"]
    with pytest.raises(ValueError, match="workers must be at least 1"):
        check_all([statement(0.1)], workers=0)


@pytest.mark.slow
def test_several_processes_find_what_one_finds() -> None:
    alone, together = check_all(QUICK), check_all(QUICK, workers=2)
    assert [r.statement.id for r in together] == [s.id for s in QUICK]
    assert [r.findings for r in together] == [r.findings for r in alone]
