from __future__ import annotations

import math

import diffusers
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient.process import VE, VP, Flow, Level, as_level, per_sample, renormalise, where
from ambient.schedules import Discrete
from tests.exact import two_levels

SDXL = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


@given(two_levels(), st.floats(0.01, 0.99))
def test_transitions_compose_and_carry_the_right_variance(levels: tuple[Level, Level], share: float) -> None:
    s, t = levels
    step = s.transition_to(t)
    assert float(step.scale) == pytest.approx(float(t.alpha / s.alpha), rel=1e-14)
    total = step.scale**2 * s.sigma**2 + step.variance
    assert float(total) == pytest.approx(float(t.sigma**2), rel=1e-12)
    middle_ratio = s.ratio + share * (t.ratio - s.ratio)
    middle = Level(torch.tensor(0.7, dtype=torch.float64), 0.7 * middle_ratio)
    first, second = s.transition_to(middle), middle.transition_to(t)
    assert float(first.scale * second.scale) == pytest.approx(float(step.scale), rel=1e-12)
    variance = second.scale**2 * first.variance + second.variance
    assert float(variance) == pytest.approx(float(step.variance), rel=1e-9)


def test_variance_of_a_tiny_step_keeps_its_digits() -> None:
    s, t = VE().level(1.0), VE().level(1.0 + 1e-9)
    exact = float(t.sigma - 1) * (float(t.sigma) + 1)
    assert float(s.transition_to(t).variance) == pytest.approx(exact, rel=1e-14)
    assert float(s.transition_to(s).variance) == 0.0


def test_perturb_is_exact_and_per_sample() -> None:
    level = Level(torch.tensor([0.5, 2.0]), torch.tensor([3.0, 0.25]))
    x, z = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, -1.0], [2.0, 4.0]])
    assert torch.equal(level.perturb(x, z), torch.tensor([[3.5, -2.0], [6.5, 9.0]]))
    step = Level.clean().transition_to(level)
    assert torch.allclose(step.perturb(x, z), level.perturb(x, z))


@pytest.mark.parametrize("process", [VE(), VP(), Flow()])
@given(t=st.floats(0.001, 0.999))
def test_time_inverts_level(process: VE | VP | Flow, t: float) -> None:
    level = process.level(t)
    scaled = Level(3 * level.alpha, 3 * level.sigma)
    assert float(process.time(scaled)) == pytest.approx(t, rel=1e-10)


def test_families() -> None:
    t = torch.tensor([0.1, 0.6], dtype=torch.float64)
    assert torch.equal(VE().level(t).alpha, torch.ones(2, dtype=torch.float64))
    vp, flow = VP().level(t), Flow().level(t)
    assert torch.allclose(vp.alpha**2 + vp.sigma**2, torch.ones(2, dtype=torch.float64), rtol=1e-15)
    assert torch.allclose(flow.alpha + flow.sigma, torch.ones(2, dtype=torch.float64), rtol=1e-15)
    assert torch.equal(vp.sigma, t)
    assert torch.equal(flow.sigma, t)


def test_sdxl_levels_are_the_papers() -> None:
    """P1 section 4.2 prints (truncated) .325, .850, .981 at t = 100, 500, 800."""
    process = Discrete.from_scheduler(diffusers.DDPMScheduler(**SDXL))
    sigma = process.level(torch.tensor([100.0, 500.0, 800.0])).sigma
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    exact = (1 - (1 - betas).cumprod(0)).sqrt()[[100, 500, 800]]
    assert torch.allclose(sigma, exact, atol=2e-6)
    assert [math.floor(1000 * float(s)) for s in sigma] == [325, 850, 981]


@given(st.floats(0.0, 999.0))
def test_discrete_time_inverts_level_between_steps(t: float) -> None:
    process = Discrete.from_scheduler(diffusers.DDPMScheduler(**SDXL))
    assert float(process.time(process.level(t))) == pytest.approx(t, abs=1e-6)


def test_discrete_levels_interpolate_log_snr() -> None:
    process = Discrete.from_scheduler(diffusers.DDPMScheduler(**SDXL))
    low, middle, high = (process.level(t).ratio.log() for t in (10.0, 10.25, 11.0))
    assert float(middle) == pytest.approx(float(0.75 * low + 0.25 * high), rel=1e-12)
    assert float(process.time(VE().level(1e-9))) == 0
    assert float(process.time(VE().level(1e9))) == len(process) - 1


@given(two_levels())
def test_renormalise_keeps_the_signal_to_noise_ratio(levels: tuple[Level, Level]) -> None:
    _, level = levels
    x_0, noise = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    for process in (VE(), VP(), Flow()):
        x, own = renormalise(process, level.perturb(x_0, noise), level)
        assert float(own.ratio) == pytest.approx(float(level.ratio), rel=1e-10)
        assert torch.allclose(x, own.perturb(x_0, noise), rtol=1e-10)


def test_snr_is_the_squared_inverse_ratio() -> None:
    level = VP().level(0.6)
    assert float(level.snr) == pytest.approx(0.64 / 0.36)
    assert float(level.ratio) == pytest.approx(0.75)


def test_levels_of_a_batch() -> None:
    level = VP().level(torch.tensor([0.1, 0.2, 0.3]))
    assert level[1:].sigma.tolist() == pytest.approx([0.2, 0.3])
    assert VP().level(0.5)[1:].sigma.shape == ()
    mixed = where(torch.tensor([True, False, True]), level, VE().level(9.0))
    assert mixed.sigma.tolist() == pytest.approx([0.1, 9.0, 0.3])
    assert mixed.alpha.tolist() == pytest.approx([0.99**0.5, 1.0, 0.91**0.5])
    assert as_level(torch.tensor([2.0])).alpha.tolist() == [1.0]
    assert as_level(level) is level
    assert VE().level(2.0).on(torch.zeros(3, 5)).sigma.tolist() == [2.0, 2.0, 2.0]
    assert per_sample(torch.ones(2), torch.zeros(2, 3, 4)).shape == (2, 1, 1)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="cleaner than the source"):
        VE().level(1.0).transition_to(VE().level(torch.tensor([2.0, 0.5])))
    with pytest.raises(ValueError, match="without signal"):
        Flow().level(1.0).transition_to(Flow().level(1.0))
    for process in (VP(), Flow()):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            process.level(1.5)
    with pytest.raises(ValueError, match="VE"):
        VE().level(-1.0)
    with pytest.raises(ValueError, match="increase"):
        Discrete(VE(), torch.tensor([1.0, 1.0]))
    with pytest.raises(ValueError, match="not a known scheduler"):
        Discrete.from_scheduler(object())
    with pytest.raises(ValueError, match="pure noise, alpha = 0, has none"):
        renormalise(VE(), torch.zeros(1, 2), VP().level(1.0))
    with pytest.raises(ValueError, match="shape"):
        Level(torch.ones(2, 2), torch.ones(2, 2))
