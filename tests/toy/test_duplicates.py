from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from toy.duplicates import first_of_each, part_together


def test_the_first_of_equal_images() -> None:
    a, b, c = torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    nearly = a.clone()
    nearly[0, 0, 0] += 1e-6
    assert first_of_each(torch.stack([a, b, a, c, nearly, b, a])).tolist() == [0, 1, 0, 3, 4, 1, 0]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.data())
def test_every_copy_goes_where_the_first_goes(kinds: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(kinds)))
    parts = part_together(torch.tensor(kinds), [cut, len(kinds) - cut])
    assert sorted(torch.cat(parts).tolist()) == list(range(len(kinds)))
    for number, part in enumerate(parts):
        assert part.tolist() == sorted(part.tolist())
        for place in part.tolist():
            first = kinds.index(kinds[place])
            assert (first >= cut) == (number == 1)


def test_without_copies_the_parts_are_consecutive() -> None:
    parts = part_together(torch.tensor([5, 3, 9, 1]), [1, 0, 3])
    assert [part.tolist() for part in parts] == [[0], [], [1, 2, 3]]
