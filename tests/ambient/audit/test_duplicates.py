from __future__ import annotations

import torch

from ambient.audit.duplicates import count, distinct_rows, exact_groups, joined


def test_exact_groups() -> None:
    pixels = torch.randint(0, 256, (5, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels[3], pixels[4] = pixels[1], pixels[1].flip(2)
    assert exact_groups(pixels).tolist() == [0, 1, 2, 1, 4]
    assert exact_groups(pixels, mirrored=True).tolist() == [0, 1, 2, 1, 1]
    assert distinct_rows(exact_groups(pixels)).tolist() == [0, 1, 2, 4]


def test_joined_follows_chains() -> None:
    groups = joined(6, torch.tensor([[0, 2, 5], [1, 1, 4]]))
    assert groups[0] == groups[1] == groups[2]
    assert groups[4] == groups[5]
    assert len(set(groups.tolist())) == 3


def test_count() -> None:
    found = count(torch.tensor([0, 1, 1, 1, 4]), torch.tensor([True, False, False]))
    assert (found.images, found.exact, found.most, found.near, found.looked_at) == (5, 2, 3, 1, 3)
