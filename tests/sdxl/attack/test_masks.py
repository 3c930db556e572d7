"""Which region is hidden."""

from __future__ import annotations

import torch

from sdxl.attack.masks import Masker
from sdxl.attack.options import MaskOptions


def test_the_largest_admissible_object_is_hidden() -> None:
    masker = Masker(MaskOptions("fixed", margin=0.0, areas=(0.05, 0.6)), 8, False)
    boxes = torch.tensor([[0, 0, 64, 64], [3, 5, 30, 41], [10, 10, 12, 12], [-5, 0, 20, 20]])
    assert masker._largest(boxes, 64, 64) == (0, 0, 32, 48)
    assert masker._largest(boxes[[0, 2]], 64, 64) is None
    wide = Masker(MaskOptions("fixed", margin=0.5), 8, False)
    assert wide._largest(torch.tensor([[24, 24, 40, 40]]), 64, 64) == (16, 16, 48, 48)
