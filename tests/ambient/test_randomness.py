from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient.randomness import Draws, IndexedNoise, generator, permutation


def test_generators_depend_on_purpose_and_every_key() -> None:
    keys = [("nature", 0, 1), ("nature", 1, 0), ("nature", 0, 2), ("sampling", 0, 1), ("training", 0, 1), ("order", 0)]
    first = {torch.rand(1, generator=generator(*key)).item() for key in keys}  # type: ignore[arg-type]
    again = {torch.rand(1, generator=generator(*key)).item() for key in keys}  # type: ignore[arg-type]
    assert len(first) == len(keys)
    assert first == again
    with pytest.raises(ValueError, match="non-negative"):
        generator("nature", -1)


@given(st.integers(1, 4), st.integers(0, 100))
def test_processes_together_draw_what_one_draws(world: int, step: int) -> None:
    whole = Draws.of_step(7, step)
    rows = torch.zeros(12, 3, 2)
    wanted = [whole.uniform(rows), whole.normal(rows), whole.uniform(rows)]
    parts = [Draws.of_step(7, step, rank, world) for rank in range(world)]
    share = torch.zeros(12 // world, 3, 2)
    for name, value in zip(("uniform", "normal", "uniform"), wanted, strict=True):
        pieces = torch.cat([getattr(part, name)(share) for part in parts])
        assert torch.equal(pieces, value[: len(pieces)])


def test_draws_are_standard() -> None:
    draws = Draws.of_step(0, 0)
    u, z = draws.uniform(torch.zeros(50_000)), draws.normal(torch.zeros(50_000))
    assert float(u.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(u.var()) == pytest.approx(1 / 12, abs=0.003)
    assert u.dtype == torch.float64
    assert float(z.mean()) == pytest.approx(0, abs=0.02)
    assert float(z.var()) == pytest.approx(1, abs=0.03)


def test_indexed_noise_is_a_function_of_seed_and_index() -> None:
    together = IndexedNoise(3, [5, 1, 9], (2, 2))
    first, second = together(), together()
    alone = IndexedNoise(3, [9], (2, 2))
    assert torch.equal(alone()[0], first[2])
    assert torch.equal(alone()[0], second[2])
    assert not torch.equal(first, second)
    assert not torch.equal(IndexedNoise(4, [9], (2, 2))()[0], first[2])


def test_permutation() -> None:
    assert sorted(permutation(20, "order", 1, 2).tolist()) == list(range(20))
    assert permutation(20, "order", 1, 2).tolist() != permutation(20, "order", 1, 3).tolist()
