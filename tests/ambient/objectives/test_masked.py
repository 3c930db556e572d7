"""Ambient Diffusion under further corruption: what is seen, what is judged, and the minimum."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ambient.data import Batch
from ambient.objectives import EDMWeight, PlainWeight
from ambient.objectives.masked import MaskedScoreMatching, fixed_masks
from ambient.process import Level
from ambient.randomness import Draws


def masked_batch(n: int = 4096, side: int = 2) -> Batch:
    source = torch.Generator().manual_seed(0)
    x_0 = torch.randn(n, 1, side, side, generator=source, dtype=torch.float64)
    mask = fixed_masks(1, range(n), (1, side, side), 0.4).double()
    return Batch(mask * x_0, Level.clean(), torch.arange(n), None, {"mask": mask})


def test_masks_hide_the_share_asked_for_and_depend_on_seed_and_index_only() -> None:
    masks = fixed_masks(0, range(500), (1, 8, 8), 0.3)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert float(masks.mean()) == pytest.approx(0.7, abs=0.01)
    assert torch.equal(fixed_masks(0, [7, 3], (1, 8, 8), 0.3), masks[[7, 3]])
    assert not torch.equal(fixed_masks(1, [7], (1, 8, 8), 0.3), masks[[7]])


def test_the_denoiser_never_sees_what_is_hidden_and_is_never_judged_by_it() -> None:
    batch = masked_batch(64, 4)
    known = batch.condition["mask"]
    seen: list[tuple[Tensor, Tensor]] = []

    def denoiser(x_t: Tensor, level: Level, mask: Tensor) -> Tensor:
        seen.append((x_t, mask))
        return torch.zeros_like(x_t)

    loss = MaskedScoreMatching(0.25)(denoiser, batch, Draws.of_step(0, 0))
    x_t, shown = seen[0]
    assert bool((shown <= known).all())
    assert bool((x_t[shown == 0] == 0).all())
    hidden_further = (known - shown).sum() / known.sum()
    assert float(hidden_further) == pytest.approx(0.25, abs=0.06)

    def other(x_t: Tensor, level: Level, mask: Tensor) -> Tensor:
        return torch.where(known > 0, torch.zeros_like(x_t), torch.full_like(x_t, 9.0))

    again = MaskedScoreMatching(0.25)(other, batch, Draws.of_step(0, 0))
    assert torch.equal(loss.per_sample, again.per_sample)


def test_its_minimum_is_the_posterior_mean_given_what_is_shown() -> None:
    """Independent standard normal pixels: E[X_0 | shown x_t] is x_t / (1 + sigma^2) where shown, and 0 elsewhere.

    So among h = gain * x_t the loss is least at gain = 1 / (1 + sigma^2) of each level, which no gain off by 5 % beats.
    """
    batch = masked_batch(200_000)
    objective = MaskedScoreMatching(0.2, weight=PlainWeight())

    def mean_loss(off: float) -> float:
        def denoiser(x_t: Tensor, level: Level, mask: Tensor) -> Tensor:
            return off * x_t / (1 + level.sigma.reshape(-1, 1, 1, 1) ** 2)

        return float(objective(denoiser, batch, Draws.of_step(0, 0)).per_sample.mean())

    assert mean_loss(1.0) < min(mean_loss(0.95), mean_loss(1.05))


def test_a_hidden_pixel_weighs_as_in_pure_noise() -> None:
    """The gradient of the loss by h at each pixel, against the weights written out: 1/c_out^2, 1/sigma_data^2 and 0."""
    batch = masked_batch(3)
    seen: dict[str, Tensor] = {}

    def denoiser(x_t: Tensor, level: Level, mask: Tensor) -> Tensor:
        seen.update(h=torch.zeros_like(x_t).requires_grad_(), mask=mask, sigma=level.sigma.reshape(-1, 1, 1, 1))
        return seen["h"]

    loss = MaskedScoreMatching(0.5, weight=EDMWeight(0.5))(denoiser, batch, Draws.of_step(0, 0))
    (gradient,) = torch.autograd.grad(loss.per_sample.sum(), seen["h"])
    known, shown = batch.condition["mask"], seen["mask"]
    assert bool((shown <= known).all())
    assert 0 < float(shown.sum()) < float(known.sum())
    weight = shown * (1 / seen["sigma"] ** 2 + 4) + (known - shown) * 4
    assert torch.allclose(gradient, -2 * weight * batch.x / batch.x[0].numel(), rtol=1e-12)


def test_masks_are_needed() -> None:
    with pytest.raises(ValueError, match=r"condition\['mask'\]"):
        MaskedScoreMatching()(lambda x, level: x, replace(masked_batch(4), condition={}), Draws.of_step(0, 0))
