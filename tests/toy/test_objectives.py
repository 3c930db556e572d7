"""What each method may see, and what its controls take from Algorithm 1."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ambient.data import Batch
from ambient.process import VE, Level
from ambient.randomness import Draws
from toy.methods import METHODS
from toy.names import MethodName
from toy.objectives import objective_of, samples_of

SIGMA, SIGMA_DATA = 0.6, 0.5


def clean(n: int = 40) -> Tensor:
    return torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(0)) + 2.0


def batch_of(name: MethodName) -> Batch:
    x_0 = clean()
    samples, _ = samples_of(name, x_0, torch.arange(len(x_0)), SIGMA, seed=0)
    return samples.batch(torch.arange(len(x_0)))


def test_no_clean_pixel_reaches_methods_that_must_not_see_one() -> None:
    for name, method in METHODS.items():
        batch = batch_of(name)
        if method.sees == "noisy":
            assert batch.clean is None
            assert float(batch.nature.sigma) == SIGMA
        if method.sees == "masked":
            hidden = (batch.condition["mask"] == 0).expand_as(batch.x)
            assert 0.3 < float(hidden.double().mean()) < 0.7
            assert bool((batch.x[hidden] == 0).all())


def test_the_centre_is_what_the_method_can_know() -> None:
    x_0, index = clean(4000), torch.arange(4000)
    names: tuple[MethodName, ...] = ("dsm", "hybrid", "ambient", "masking")
    for name in names:
        _, centre = samples_of(name, x_0, index, SIGMA, seed=0)
        assert torch.allclose(centre, torch.full_like(centre, 2.0), atol=0.1), name
    exact = x_0.mean(0)
    assert torch.equal(samples_of("hybrid", x_0, index, SIGMA, 0)[1], exact)
    assert not torch.equal(samples_of("ambient", x_0, index, SIGMA, 0)[1], exact)


def test_hybrid_and_its_controls_share_their_noisy_copy_and_draws() -> None:
    assert torch.equal(batch_of("hybrid").x, batch_of("redrawn").x)


def test_the_weight_control_has_the_weight_of_algorithm_1_on_the_same_error() -> None:
    """A denoiser that is off by a constant e: DSM's loss is w e^2, the hybrid's w A^2 e^2 plus what x_n hides."""
    nature = VE().level(SIGMA)
    batch, draws = batch_of("weight"), Draws.of_step(0, 0)
    off = 0.3

    def wrong(x_t: Tensor, level: Level) -> Tensor:
        return batch.x + off

    plain = objective_of("dsm", nature, SIGMA_DATA)(wrong, batch, draws)
    weighted = objective_of("weight", nature, SIGMA_DATA)(wrong, batch, Draws.of_step(0, 0))
    sigma = weighted.level.sigma
    a = torch.where(sigma > SIGMA, (sigma**2 - SIGMA**2) / sigma**2, torch.ones_like(sigma))
    assert torch.allclose(weighted.per_sample.double(), plain.per_sample.double() * a**2, rtol=1e-5)
    assert bool((sigma > SIGMA).any())


def test_dropout_and_held_out_are_marked_as_what_they_are() -> None:
    assert [name for name, m in METHODS.items() if m.dropout] == ["dropout"]
    assert [name for name, m in METHODS.items() if m.held_out] == ["held-out"]
    assert {name for name, m in METHODS.items() if not m.levelled} == {"dsm", "masking", "dropout", "held-out"}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_trains_a_denoiser(name: MethodName) -> None:
    x_0 = clean(16)
    samples, _ = samples_of(name, x_0, torch.arange(16), SIGMA, seed=0)
    gain = torch.nn.Parameter(torch.tensor(0.5))

    def denoiser(x_t: Tensor, level: Level, **condition: Tensor) -> Tensor:
        return gain * x_t

    objective = objective_of(name, VE().level(SIGMA), SIGMA_DATA)
    loss = objective(denoiser, samples.batch(torch.arange(16)), Draws.of_step(0, 0))
    assert loss.per_sample.shape == (16,)
    loss.per_sample.mean().backward()
    assert gain.grad is not None
    assert bool(gain.grad.isfinite())
    assert float(gain.grad) != 0
