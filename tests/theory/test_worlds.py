"""The worlds against what is known of them exactly."""

from __future__ import annotations

import pytest
import torch

from ambient.objectives import sigma_data_of
from theory.worlds import WORLDS, fixed8


@pytest.mark.parametrize("name", list(WORLDS))
def test_worlds_have_the_scale_they_state(name: str) -> None:
    world = WORLDS[name]()
    clean = world.draw(40_000, 0)
    assert float(clean.std(0).square().mean().sqrt()) == pytest.approx(world.sigma_data, rel=0.02)
    samples = world.samples(1, 40_000)
    assert samples.clean is None
    assert len(samples) == (world.size or 40_000)
    assert sigma_data_of(samples.x, samples.nature) == pytest.approx(world.sigma_data, rel=0.05)
    assert torch.equal(samples.x, world.samples(1, 40_000).x)
    assert not torch.equal(samples.x, world.samples(2, 40_000).x)


def test_the_oracle_sees_the_clean_versions_of_the_same_samples() -> None:
    world = fixed8()
    difference = world.samples(0, 1).x - world.samples(0, 1, clean=True).x
    assert float(difference.std()) == pytest.approx(world.sigma_n, rel=0.02)
