"""The card."""

from __future__ import annotations

import pytest

from sdxl.mini.card import ranges


@pytest.mark.parametrize(
    ("indices", "text"), [([], ""), ([4], "4"), ([0, 1, 2], "0-2"), ([0, 2, 3, 9], "0, 2-3, 9"), ([5, 6, 8], "5-6, 8")]
)
def test_ranges(indices: list[int], text: str) -> None:
    assert ranges(indices) == text
