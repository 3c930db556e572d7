from __future__ import annotations

from dataclasses import replace

import torch

from ambient.noise import estimate
from benchmarks.noise_levels.work import Result, _by_set
from tests.ambient.noise.pictures import blurred, noisy, smooth_with_edges


def test_a_statement_is_true_only_if_all_of_it_is() -> None:
    clean = smooth_with_edges(100)
    found = estimate(noisy(clean, 0.3))
    assert Result.of("a", 0.3, 0, found).right
    assert not Result.of("a", 0.4, 0, found).right
    coloured = estimate(clean + 0.3 * blurred(clean.shape, torch.Generator().manual_seed(0)))
    assert coloured.level.contains(0.3)
    assert not Result.of("a", 0.3, 0, coloured).right


def test_wrong_statements_are_marked_in_the_table() -> None:
    right = Result.of("a", 0.3, 0, estimate(noisy(smooth_with_edges(100), 0.3)))
    head, row = _by_set([right, replace(right, truth=0.5, right=False)])
    assert head == ["set", "0.3", "0.5"]
    assert "WRONG" not in row[1]
    assert row[2].endswith("WRONG")
