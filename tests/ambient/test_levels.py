from __future__ import annotations

import pytest
import scipy.stats
import torch
from diffusers import DDIMScheduler
from hypothesis import given
from hypothesis import strategies as st

from ambient.levels import LevelDistribution, LogNormal, UniformSteps, UniformTime
from ambient.process import VE, VP, Level
from ambient.schedules import Discrete

U = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000


def test_log_normal_is_edms() -> None:
    sigma = LogNormal(-1.2, 1.2).draw(U).sigma
    assert scipy.stats.kstest(sigma.log().numpy(), "norm", (-1.2, 1.2)).statistic < 1e-3


@given(st.floats(0.01, 5.0))
def test_cuts_are_conditional_distributions(cut: float) -> None:
    """A cut draw has the law of the uncut one given that it lies beyond the cut."""
    law, level = LogNormal(-0.5, 1.0), VE().level(cut)
    normal = scipy.stats.norm(-0.5, 1.0)
    for side, sigma in [("above", law.draw(U, above=level).sigma), ("below", law.draw(U, below=level).sigma)]:
        below = normal.cdf(level.sigma.log())
        cdf = normal.cdf(sigma.log())
        conditional = (cdf - below) / (1 - below) if side == "above" else cdf / below
        assert abs(torch.as_tensor(conditional) - U).max() < 1e-6
        assert bool((sigma >= cut).all() if side == "above" else (sigma <= cut).all())


def test_uniform_time() -> None:
    law = UniformTime(VP(), t_max=0.9, t_min=0.1)
    assert torch.allclose(law.draw(U).sigma, 0.1 + 0.8 * U)
    nature = VP().level(0.5)
    assert torch.allclose(law.draw(U, above=nature).sigma, 0.5 + 0.4 * U)
    assert torch.allclose(law.draw(U, below=nature).sigma, 0.1 + 0.4 * U)
    per_sample = VP().level(torch.linspace(0.2, 0.8, 4000, dtype=torch.float64))
    assert torch.allclose(law.draw(U, above=per_sample).sigma, per_sample.sigma + U * (0.9 - per_sample.sigma))
    with pytest.raises(ValueError, match="raise t_max, or lower the nature level"):
        law.draw(U, above=VP().level(0.95))


@pytest.mark.parametrize("law", [LogNormal(-1.2, 1.2), UniformTime(VE(), t_max=50.0)])
def test_far_cuts_stay_on_their_side(law: LevelDistribution) -> None:
    for sigma in (1e-4, 40.0):
        level = Level(torch.tensor(1.0).double(), torch.tensor(sigma).double())
        drawn = law.draw(U, above=level).sigma
        assert bool(drawn.isfinite().all() and (drawn >= sigma).all())


SDXL_STEPS = Discrete.from_scheduler(
    DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
)


@given(st.integers(1, 998))
def test_uniform_steps_are_every_whole_step_above_or_below_and_no_other(t_n: int) -> None:
    distribution, nature = UniformSteps(SDXL_STEPS), SDXL_STEPS.level(float(t_n))
    u = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for given_level, steps in [
        ({"above": nature}, range(t_n + 1, 1000)),
        ({"below": nature}, range(t_n)),
        ({}, range(1000)),
        ({"above": Level.clean()}, range(1000)),
    ]:
        fine = (torch.arange(len(steps), dtype=torch.float64) + 0.5) / len(steps)
        drawn = distribution.draw(fine, **given_level)
        exact = SDXL_STEPS.level(torch.tensor(list(steps), dtype=torch.float64))
        assert torch.equal(drawn.sigma, exact.sigma)
        times = SDXL_STEPS.time(distribution.draw(u, **given_level))
        counts = torch.bincount(times.round().long(), minlength=1000)[steps.start : steps.stop]
        assert counts.sum() == 1000
        assert float((counts - 1000 / len(steps)).abs().max()) <= 1


def test_no_step_above_the_last() -> None:
    with pytest.raises(ValueError, match="no step is left"):
        UniformSteps(SDXL_STEPS).draw(torch.full((2,), 0.5, dtype=torch.float64), above=SDXL_STEPS.level(999.0))
