"""Captions and mirrored latents in the U-Net's objective."""

from __future__ import annotations

from typing import Any

import torch

from ambient.data import Batch
from ambient.objectives import Loss, Objective
from ambient.process import Level
from ambient.randomness import Draws
from sdxl.mini.diffusion import Captioned, Texts, latent_objective

MANY = 4000


def _texts() -> Texts:
    states = torch.arange(3 * 2).reshape(3, 2, 1, 1).float().expand(3, 2, 5, 4) + 1
    return Texts(states, states[:, :, 0, :2], torch.full((5, 4), -1.0), torch.full((2,), -1.0), torch.arange(6.0))


class _Keep(Objective):
    """Keeps the batch that it is given."""

    def __call__(self, denoiser: Any, batch: Batch, draws: Draws) -> Loss:
        self.batch = batch
        return Loss(torch.zeros(len(batch)), {}, Level.clean())


def _shown(**options: float) -> tuple[Batch, torch.Tensor]:
    label = torch.arange(MANY) % 3
    x = torch.stack([torch.zeros(MANY, 4, 2, 2), torch.ones(MANY, 4, 2, 2)], 1)
    keep = _Keep()
    batch = Batch(x, Level.clean(), torch.arange(MANY), condition={"label": label})
    Captioned(keep, _texts(), **options)(None, batch, Draws.of_step(0, 0))  # type: ignore[arg-type]
    return keep.batch, label


def test_the_caption_is_one_of_its_class() -> None:
    batch, label = _shown(zeros=0.0, empty=0.0)
    states = batch.condition["encoder_hidden_states"][:, 0, 0]
    wording = states - 1 - 2 * label
    assert set(wording.tolist()) == {0.0, 1.0}
    assert abs(wording.mean() - 0.5) < 0.05
    assert torch.equal(batch.condition["text_embeds"][:, 0], states)
    assert torch.equal(batch.condition["time_ids"][7], torch.arange(6.0))


def test_shares_of_zeros_and_of_the_empty_caption() -> None:
    batch, _ = _shown(zeros=0.3, empty=0.2)
    states, pooled = batch.condition["encoder_hidden_states"][:, 0, 0], batch.condition["text_embeds"][:, 0]
    for value, share in ((0.0, 0.3), (-1.0, 0.2)):
        assert abs((states == value).double().mean() - share) < 0.04
        assert torch.equal(states == value, pooled == value)


def test_half_are_mirrored() -> None:
    batch, _ = _shown()
    assert batch.x.shape == (MANY, 4, 2, 2)
    assert abs(batch.x[:, 0, 0, 0].mean() - 0.5) < 0.04


def test_the_loss_is_that_of_v_prediction_in_edm_weights() -> None:
    """With unit variance, w |h - x_0|^2 is the squared error of the network's v, divided by alpha^2 + sigma^2 = 1."""
    from ambient.schedules import VP

    objective = latent_objective(_texts())
    level = VP().level(torch.tensor([0.1, 0.5, 0.9]))
    weight = objective.objective.weight(level, Level.clean())  # type: ignore[attr-defined]
    # v = alpha eps - sigma x_0 at x_t fixed: dv/dx_0 = -(alpha^2 + sigma^2) / sigma = -1 / sigma
    ratio = level.sigma / level.alpha
    torch.testing.assert_close(weight, 1 / level.sigma**2 * (level.alpha**2 + level.sigma**2), rtol=1e-6, atol=0)
    assert (ratio > 0).all()
