"""Restorations in worlds where the right answer is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ambient import karras
from ambient.attacks import RePaint, compare, corrupt, mask_and_restore, noise_and_restore
from ambient.data.noisy_copy import noisy_copy
from ambient.denoisers import UNetDenoiser
from ambient.metrics.memorization import similarities
from ambient.process import VE, VP, Level
from ambient.schedules import Discrete, Schedule
from ambient.tweedie import from_x_0
from tests.ambient.attacks.worlds import GAUSSIAN, VARIANCE, images
from theory.empirical import EmpiricalDenoiser
from theory.mixture import GaussianMixture


@pytest.mark.parametrize("level", [VE().level(1.5), VP().level(0.9)])
def test_the_error_of_the_mean_is_the_posterior_variance(level: Level) -> None:
    """Of Gaussian data, sample by sample and in the mean: c sigma^2 / (alpha^2 c + sigma^2) a coordinate."""
    x_0 = VARIANCE**0.5 * images(20_000)
    found = noise_and_restore(GAUSSIAN.denoiser, x_0, level, range(len(x_0)), seed=3, restoration="mean")
    alpha, sigma = float(level.alpha), float(level.sigma)
    noise = (found.x_t - alpha * x_0) / sigma
    gain = alpha * VARIANCE / (alpha**2 * VARIANCE + sigma**2)
    assert torch.allclose(found.x_0 - x_0, (alpha * gain - 1) * x_0 + gain * sigma * noise, rtol=1e-10)
    errors = (found.x_0 - x_0).square().mean(1)
    exact = VARIANCE * sigma**2 / (alpha**2 * VARIANCE + sigma**2)
    assert float(errors.mean()) == pytest.approx(exact, abs=5 * float(errors.std()) / len(x_0) ** 0.5)


def test_the_error_of_posterior_samples_is_twice_that_of_the_mean() -> None:
    """x_0 and its restoration are two independent samples of the same posterior."""
    g = torch.Generator().manual_seed(1)
    world = GaussianMixture(torch.tensor([[-2.0, 0.0], [2.0, 1.0]]), torch.tensor([0.3, 0.2]))
    x_0, level = world.sample(4000, g), VP().level(0.8)
    mean = noise_and_restore(world.denoiser, x_0, level, range(4000), seed=0, restoration="mean").x_0
    drawn = noise_and_restore(world.denoiser, x_0, level, range(4000), seed=0, steps=120, sigma_min=0.01).x_0
    errors = [(x - x_0).square().sum(1) for x in (mean, drawn)]
    assert float(errors[1].mean() / errors[0].mean()) == pytest.approx(2, abs=0.15)


def test_every_process_and_prediction_is_attacked_alike() -> None:
    """The same world through a discrete noise-predicting network, as SDXL's, gives the same restorations."""
    steps = Discrete(VP(), torch.linspace(0.02, 0.999, 1000, dtype=torch.float64))

    class Network(torch.nn.Module):
        def forward(self, x: Tensor, time: Tensor) -> Tensor:
            level = steps.level(time.double())
            return from_x_0(GAUSSIAN.posterior_mean(x, level), x, level, "epsilon")

    unet, x_0, level = UNetDenoiser(Network(), Schedule(steps)), images(8), steps.level(800.0)
    for restoration in ("mean", "posterior"):
        options: dict[str, Any] = {"seed": 5, "restoration": restoration}
        if restoration == "posterior":
            options |= {"steps": 12, "sigma_min": 0.05}
        a = noise_and_restore(unet, x_0, level, range(8), **options)
        b = noise_and_restore(GAUSSIAN.denoiser, x_0, level, range(8), **options)
        assert torch.allclose(a.x_0, b.x_0, atol=1e-6)


def test_a_memorising_model_restores_its_training_images_and_no_others() -> None:
    train, other = images(50, 1, (64,)), images(50, 2, (64,))
    model, level = EmpiricalDenoiser(train), VE().level(1.0)
    for restoration in ("mean", "posterior"):
        mine, theirs = (
            noise_and_restore(model, x, level, range(50), seed=0, restoration=restoration).x_0 for x in (train, other)
        )
        found = compare(mine, train, train, "pixels")
        assert found.identified(torch.arange(50)) == 1
        assert float(found.own.min()) > 0.99
        assert compare(theirs, other, other, "pixels").identified(torch.arange(50)) < 0.5
        # What it gives back for images that it has not seen is a training image all the same.
        assert float((similarities(theirs, train) > 0.95).double().mean()) > 0.7


def test_noise_is_a_function_of_the_index_and_not_that_of_training() -> None:
    x_0, level = images(6), VE().level(2.0)
    whole = noise_and_restore(GAUSSIAN.denoiser, x_0, level, range(6), seed=1)
    part = noise_and_restore(GAUSSIAN.denoiser, x_0[[4, 1]], level, [4, 1], seed=1)
    assert torch.allclose(part.x_t, whole.x_t[[4, 1]], rtol=1e-12)
    assert torch.allclose(part.x_0, whole.x_0[[4, 1]], rtol=1e-12)
    again = noise_and_restore(GAUSSIAN.denoiser, x_0, level, range(6), seed=1, draw=1)
    assert torch.equal(again.x_t, whole.x_t)
    assert not torch.allclose(again.x_0, whole.x_0)
    assert not torch.allclose(corrupt(x_0, level, 1, range(6)), noisy_copy(x_0, level, 1, range(6)))


def test_an_inpainting_model_is_shown_the_known_part_only() -> None:
    x_0, hidden = images(3), torch.tensor([[True, False, False]])

    def spy(known: Tensor, mask: Tensor, indices: Any) -> Tensor:
        assert torch.equal(known, x_0 * torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64))
        assert list(indices) == [3, 1, 2]
        return mask * 5.0

    found = mask_and_restore(spy, x_0, hidden, [3, 1, 2])
    assert torch.equal(found.x_0, torch.where(hidden, torch.tensor(5.0, dtype=torch.float64), x_0))


def test_what_is_refused() -> None:
    x = images(2)
    with pytest.raises(ValueError, match="2 images need 2 indices, got 1"):
        noise_and_restore(GAUSSIAN.denoiser, x, VE().level(1.0), [0], seed=0)
    hidden = torch.tensor([[True, False, False], [True, True, True]])
    with pytest.raises(ValueError, match="mask of image 7 hides everything"):
        mask_and_restore(RePaint(GAUSSIAN.denoiser, karras.log_sigmas(4, 0.1, 5.0)), x, hidden, [5, 7])
