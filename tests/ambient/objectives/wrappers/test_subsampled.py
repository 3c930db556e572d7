"""Shares of a batch and of the updates: unbiased, and the same on every process."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ambient.data import Batch
from ambient.objectives import Loss, Objective, Occasional, Subsampled
from ambient.process import VE
from ambient.randomness import Draws
from tests.ambient.estimators import Cubic, gradient, repeated


class Square(Objective):
    """h(x)^2, without noise."""

    def __call__(self, denoiser: Any, batch: Batch, draws: Draws) -> Loss:
        value = denoiser(batch.x, batch.nature).square().mean(1)
        return Loss(value, {"square": value.detach()}, batch.nature.on(batch.x))


@pytest.mark.parametrize("every", [1, 2, 4])
def test_a_share_of_the_batch_is_unbiased(every: int) -> None:
    """Averaged over all shifts of the batch, value and gradient are those of the whole batch."""
    x = torch.linspace(-1, 2, 12, dtype=torch.float64)[:, None]
    denoiser, nature = Cubic(), VE().level(0.5)
    batch = Batch(x, nature, torch.arange(12))
    full = Square()(denoiser, batch, Draws.of_step(0, 0)).per_sample.mean()
    shifted = [Batch(x.roll(k, 0), nature, torch.arange(12)) for k in range(every)]
    share = Subsampled(Square(), every)
    mean = torch.stack([share(denoiser, b, Draws.of_step(0, 0)).per_sample.mean() for b in shifted]).mean()
    torch.testing.assert_close(mean, full, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient(mean, denoiser), gradient(full, denoiser), rtol=1e-12, atol=1e-14)
    with pytest.raises(ValueError, match="not a multiple of 5"):
        Subsampled(Square(), 5)(denoiser, batch, Draws.of_step(0, 0))


def test_an_occasional_objective_is_unbiased_and_the_same_on_every_process() -> None:
    denoiser, batch = Cubic(), repeated(0.4, 4, VE().level(0.5))
    full = Square()(denoiser, batch, Draws.of_step(0, 0)).per_sample.mean()
    losses = [Occasional(Square(), 4)(denoiser, batch, Draws.of_step(0, step)) for step in range(2000)]
    others = [Occasional(Square(), 4)(denoiser, batch, Draws.of_step(0, step, 1, 2)) for step in range(200)]
    taken = torch.tensor([bool(loss.terms) for loss in losses])
    assert abs(float(taken.double().mean()) - 0.25) < 3.5 * (0.25 * 0.75 / 2000) ** 0.5
    assert taken[:200].tolist() == [bool(loss.terms) for loss in others]
    for loss, on in zip(losses, taken, strict=True):
        torch.testing.assert_close(loss.per_sample.mean().double(), 4 * full if on else 0 * full)
