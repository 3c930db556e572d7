from __future__ import annotations

import pytest

from theory.running import check
from theory.statements import STATEMENTS, Statement


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.id)
def test_the_verdict_is_the_one_on_record(statement: Statement) -> None:
    result = check(statement)
    assert result.error == ""
    assert result.agrees, [str(e) for e in result.evidence if not e.holds]
    assert result.findings is not None
    if statement.expected != "exact":
        assert statement.corrected_form
        assert any(not e.holds for e in result.findings.printed)
        assert result.findings.corrected
        assert all(e.holds for e in result.findings.corrected)
