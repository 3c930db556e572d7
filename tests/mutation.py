"""Errors put into the code on purpose, to see that a check finds them."""

from __future__ import annotations

import inspect
import textwrap
from types import FunctionType
from typing import Any

import pytest


def mutate(monkeypatch: pytest.MonkeyPatch, function: FunctionType, right: str, wrong: str) -> None:
    """Replace `right`, which has to stand exactly once in the source of `function`, by `wrong` for this test."""
    inner = inspect.unwrap(function)
    source = textwrap.dedent(inspect.getsource(inner))
    assert source.count(right) == 1
    namespace: dict[str, Any] = {}
    exec(compile(source.replace(right, wrong), "<mutated>", "exec"), inner.__globals__, namespace)
    monkeypatch.setattr(inner, "__code__", inspect.unwrap(namespace[inner.__name__]).__code__)
