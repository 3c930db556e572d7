"""The control of Algorithm 1 whose noise is new in every step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from ambient.data import Batch, Samples
from ambient.objectives import Hybrid, Redrawn
from ambient.process import VE
from ambient.randomness import Draws


def test_redrawn_noise_is_new_in_every_step_and_of_the_same_level() -> None:
    x_0 = torch.randn(5000, 1, 2, 2, dtype=torch.float64)
    samples = Samples.of_noisy(x_0, VE().level(0.5), seed=0, keep_clean=True)
    batch = samples.batch(torch.arange(5000))
    seen: list[Batch] = []

    class Keep(Hybrid):
        def __call__(self, denoiser: Any, batch: Batch, draws: Draws) -> Any:
            seen.append(batch)
            return super().__call__(denoiser, batch, draws)

    for step in (0, 1):
        Redrawn(Keep())(lambda x, level: x, batch, Draws.of_step(0, step))
    first, second = (b.x for b in seen)
    noises = [first - x_0, second - x_0, samples.x - x_0]
    for noise in noises:
        assert float(noise.std()) == pytest.approx(0.5, rel=0.03)
    for a, b in ((0, 1), (0, 2)):
        assert abs(float((noises[a] * noises[b]).mean())) < 0.01
    with pytest.raises(ValueError, match="clean samples"):
        Redrawn(Hybrid())(lambda x, level: x, replace(batch, clean=None), Draws.of_step(0, 0))
