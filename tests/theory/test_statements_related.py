"""The statements of the systems round the papers: places, and deliberate errors that they find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ambient.distil import losses
from ambient.objectives.masked import MaskedScoreMatching
from tests.mutation import mutate
from theory import measured
from theory.running import check
from theory.statements import STATEMENTS

RELATED = {s.id: s for s in STATEMENTS if s.id.split("-")[0] in {"AD", "SID", "RSD"}}

MUTATIONS: list[tuple[Callable[..., Any], str, str, str]] = [
    (MaskedScoreMatching.__call__, "shown * x_t", "known * x_t", "AD-4.2"),
    (MaskedScoreMatching.__call__, "far * (known - shown)", "far * known", "AD-4.2"),
    (measured.measured, "- (squared + log_determinant", "+ (squared + log_determinant", "AD-4.2"),
    (measured.measured, "mixture.means + (ac.mT", "mixture.means - (ac.mT", "AD-S"),
    (losses.generator_loss, "(teacher - y)", "(fake - y)", "SID-1"),
    (losses.generator_loss, "- alpha * difference", "+ alpha * difference", "SID-1"),
    (losses.outward_variance, "alpha * variance", "variance", "SID-2"),
]


def test_all_are_there() -> None:
    assert set(RELATED) == {"AD-4.2", "AD-S", "SID-1", "SID-2", "RSD-1", "RSD-2", "RSD-3"}


@pytest.mark.parametrize(("function", "right", "wrong", "id_"), MUTATIONS)
def test_an_error_is_found(monkeypatch: pytest.MonkeyPatch, function: Any, right: str, wrong: str, id_: str) -> None:
    mutate(monkeypatch, function, right, wrong)
    assert not check(RELATED[id_]).agrees
