from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from ambient import karras
from ambient.denoisers import Denoiser
from ambient.process import VE, VP, Level, as_level, per_sample
from ambient.randomness import IndexedNoise
from ambient.sampling import generate, restore

VARIANCE = 0.49
GRID = karras.karras_sigmas(18, 0.01, 20.0)


def gaussian(x_t: Tensor, level: Level | Tensor, **_: Any) -> Tensor:
    """The exact denoiser of N(0, VARIANCE) data, in any process."""
    level = as_level(level).on(x_t)
    gain = level.alpha * VARIANCE / (level.alpha**2 * VARIANCE + level.sigma**2)
    return per_sample(gain, x_t) * x_t


def bent(x_t: Tensor, level: Level | Tensor, shift: Tensor | float = 0.0) -> Tensor:
    return torch.tanh(gaussian(x_t, level)) + shift


def drawn(denoiser: Denoiser, n: int, batch: int, sigmas: Tensor = GRID, **options: Any) -> Tensor:
    options = {"seed": 1, "dtype": torch.float64, **options}
    return torch.cat(list(generate(denoiser, range(n), (3,), sigmas, batch=batch, **options)))


@pytest.mark.parametrize(
    "sampler", [karras.sample_heun, karras.sample_euler_ancestral, partial(karras.sample_euler, s_churn=10.0)]
)
def test_images_do_not_depend_on_the_batch_they_are_drawn_in(sampler: karras.Sampler) -> None:
    whole = drawn(bent, 10, 10, sampler=sampler)
    assert torch.allclose(drawn(bent, 10, 3, sampler=sampler), whole, rtol=1e-12)
    chosen = torch.cat(list(generate(bent, [7, 2], (3,), GRID, seed=1, sampler=sampler, dtype=torch.float64)))
    assert torch.allclose(chosen, whole[[7, 2]], rtol=1e-12)
    assert not torch.allclose(drawn(bent, 10, 10, sampler=sampler, seed=2), whole)


def test_samples_follow_the_data() -> None:
    x = drawn(gaussian, 4000, 1000, karras.karras_sigmas(60, 0.005, 20.0))
    assert float(x.var()) == pytest.approx(VARIANCE, rel=0.05)
    assert float(x.mean()) == pytest.approx(0, abs=0.02)


def test_a_grid_that_ends_above_zero_returns_the_posterior_mean_there() -> None:
    """Early stop: the samples at sigma_n have variance c + sigma_n^2, their posterior means c^2 / (c + sigma_n^2)."""
    x = drawn(gaussian, 4000, 1000, karras.truncate(karras.karras_sigmas(60, 0.005, 20.0), 0.6))
    assert float(x.var()) == pytest.approx(VARIANCE**2 / (VARIANCE + 0.36), rel=0.05)


@pytest.mark.slow
def test_restoration_samples_the_posterior() -> None:
    """Of Gaussian data: mean x c / (c + s^2), variance c s^2 / (c + s^2); in VE and VP alike."""
    sigma, n = 1.2, 4000
    y = torch.full((n, 2), 1.5, dtype=torch.float64)
    gain = VARIANCE / (VARIANCE + sigma**2)
    vp = VP().level(VP().time(VE().level(sigma)))
    results = []
    for x_t, level in [(y, VE().level(sigma)), (vp.alpha * y, vp)]:
        x = restore(gaussian, x_t, level, range(n), seed=0, steps=100, sigma_min=0.01)
        assert float(x.mean()) == pytest.approx(1.5 * gain, abs=0.03)
        assert float(x.var()) == pytest.approx(gain * sigma**2, rel=0.08)
        results.append(x)
    assert torch.allclose(*results, rtol=1e-9)
    part = restore(gaussian, y[:2], VE().level(sigma), [5, 0], seed=0, steps=100, sigma_min=0.01)
    assert torch.allclose(part, results[0][[5, 0]], rtol=1e-9)


def test_conditions_and_progress_follow_the_indices() -> None:
    done: list[int] = []

    def condition(indices: Any) -> dict[str, Tensor]:
        return {"shift": torch.tensor([[float(i)] for i in indices], dtype=torch.float64)}

    last = karras.truncate(GRID, 15.0)[-2:]
    x = drawn(bent, 5, 2, last, condition=condition, progress=done.append)
    assert done == [2, 4, 5]
    assert torch.allclose(x - torch.arange(5.0, dtype=torch.float64)[:, None], torch.zeros(5, 3).double(), atol=1.0)
    noise = float(last[0]) * IndexedNoise(1, [4], (3,), torch.float64)()
    stepped = karras.sample_heun(partial(bent, shift=4.0), noise, last, disable=True)
    assert torch.allclose(x[4:], bent(stepped, last[-1:], shift=4.0))


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="batch must be at least 1"):
        drawn(gaussian, 4, 0)
    with pytest.raises(ValueError, match="must decrease"):
        drawn(gaussian, 4, 4, GRID.flip(0))
    with pytest.raises(ValueError, match="sigma_min"):
        restore(gaussian, torch.zeros(1, 2), VE().level(0.005), [0], seed=0)
