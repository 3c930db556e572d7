from __future__ import annotations

import math

from benchmarks.below_nature.methods import METHODS
from theory.worlds import easy


def test_what_methods_see() -> None:
    world = easy()
    for name, stages in METHODS.items():
        built = stages(world, world.samples(0, 2_000))
        assert math.isclose(sum(stage.share for stage in built), 1)
        assert any(stage.data == "clean" for stage in built) == (name == "oracle")
