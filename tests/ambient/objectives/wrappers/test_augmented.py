"""Lossless augmentation: one noisy copy stays one, and every transformation comes with its label."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from ambient.data import Batch, Samples
from ambient.objectives import (
    Hybrid,
)
from ambient.objectives.base import Loss, Objective
from ambient.objectives.wrappers.augmented import Augmented, turned
from ambient.process import VE, Level
from ambient.randomness import Draws


class Recorder(Objective):
    def __init__(self) -> None:
        self.batch: Batch | None = None

    def __call__(self, denoiser: Any, batch: Batch, draws: Draws) -> Loss:
        self.batch = batch
        zero = torch.zeros(len(batch))
        return Loss(zero, {}, Level.clean().expand(len(batch)))


def test_the_eight_symmetries_are_distinct_and_keep_every_pixel() -> None:
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    bits = torch.tensor(list(itertools.product([False, True], repeat=3)))
    images = turned(image.expand(8, -1, -1, -1), bits).flatten(1)
    assert len(images.unique(dim=0)) == 8
    assert torch.equal(images.sort(1).values, image.flatten(1).expand(8, -1))
    assert torch.equal(images[0], image.flatten())


def test_a_quarter_turn_is_a_mirroring_and_a_transposition() -> None:
    image = torch.randn(1, 3, 5, 5)
    seen = turned(image, torch.tensor([[True, False, True]]))
    assert torch.equal(seen, torch.rot90(image, 1, (-2, -1)))


def test_what_the_network_sees_is_a_function_of_the_one_noisy_copy() -> None:
    """Undone, every transformed noisy image is the fixed one, bit for bit, whatever the step; so is the clean one."""
    x_0 = torch.randn(64, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    samples = Samples.of_noisy(x_0, VE().level(0.7), seed=3, keep_clean=True)
    for step in range(4):
        recorder = Recorder()
        Augmented(recorder, 0.5)(None, samples.batch(torch.arange(64)), Draws.of_step(1, step))  # type: ignore[arg-type]
        batch = recorder.batch
        assert batch is not None
        assert batch.clean is not None
        bits = batch.condition["augment"].bool()
        assert 0.3 < float(bits[:, 0].double().mean()) < 0.7
        for seen, kept in ((batch.x, samples.x), (batch.clean, x_0)):
            back = torch.where(bits[:, 2].reshape(-1, 1, 1, 1), seen.mT, seen)
            back = torch.where(bits[:, 1].reshape(-1, 1, 1, 1), back.flip(-2), back)
            back = torch.where(bits[:, 0].reshape(-1, 1, 1, 1), back.flip(-1), back)
            assert torch.equal(back, kept)


def test_masks_turn_with_their_images() -> None:
    x = torch.randn(16, 3, 4, 4)
    mask = (x[:, :1] > 0).float()
    recorder = Recorder()
    batch = Batch(x, Level.clean(), torch.arange(16), None, {"mask": mask, "label": torch.arange(16)})
    Augmented(recorder, 1.0)(None, batch, Draws.of_step(0, 0))  # type: ignore[arg-type]
    seen = recorder.batch
    assert seen is not None
    assert torch.equal(seen.condition["mask"], (seen.x[:, :1] > 0).float())
    assert not torch.equal(seen.condition["mask"], mask)
    assert torch.equal(seen.condition["label"], torch.arange(16))


def test_it_is_rare_where_it_should_be_and_the_same_on_two_processes() -> None:
    x = torch.randn(4000, 1, 2, 2)
    batch = Batch(x, Level.clean(), torch.arange(4000))
    recorder = Recorder()
    Augmented(recorder, 0.12)(None, batch, Draws.of_step(0, 5))  # type: ignore[arg-type]
    assert recorder.batch is not None
    bits: Tensor = recorder.batch.condition["augment"]
    assert float(bits[:, 0].mean()) == pytest.approx(0.5, abs=0.04)
    assert bits[:, 1:].mean(0).tolist() == pytest.approx([0.06, 0.06], abs=0.02)
    halves = []
    for rank in (0, 1):
        part = Recorder()
        Augmented(part, 0.12)(None, batch[2000 * rank : 2000 * (rank + 1)], Draws.of_step(0, 5, rank, 2))  # type: ignore[arg-type]
        assert part.batch is not None
        halves.append(part.batch.x)
    assert torch.equal(torch.cat(halves), recorder.batch.x)


def test_what_cannot_be_turned_is_refused() -> None:
    batch = Batch(torch.randn(2, 1, 4, 6), Level.clean(), torch.arange(2))
    with pytest.raises(ValueError, match="only square images"):
        Augmented(Hybrid())(lambda x, level: x, batch, Draws.of_step(0, 0))
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        Augmented(Hybrid(), 0.0)
