from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from benchmarks.below_nature.methods import METHODS
from benchmarks.below_nature.options import BelowNatureOptions, Budget, MethodName, WorldName
from theory.worlds import WORLDS


def test_names_are_those_of_what_they_name() -> None:
    assert get_args(MethodName) == tuple(METHODS)
    assert get_args(WorldName) == tuple(WORLDS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": Budget(steps=1)}, "--steps 1"),
        ({"budget": Budget(batch=96)}, "--batch 96: must be a multiple of 64"),
        ({"budget": Budget(learning_rate=0.0)}, "--learning-rate 0"),
        ({"worlds": ()}, "--worlds: name at least one"),
        ({"seeds": (0, -1)}, "--seeds -1"),
        ({"samples": 1}, "--samples 1"),
        ({"threads": 0}, "--threads 0"),
    ],
)
def test_bad_values_are_named(change: dict[str, Any], message: str) -> None:
    BelowNatureOptions().check()
    with pytest.raises(ValueError, match="^" + message):
        replace(BelowNatureOptions(), **change).check()
