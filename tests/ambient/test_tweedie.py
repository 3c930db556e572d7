from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambient import tweedie
from ambient.process import VE, VP, Flow, Level
from ambient.tweedie import Prediction
from tests.exact import Mixture, relative_error, two_levels


@given(two_levels(), st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 5))
def test_double_tweedie_on_full_covariance_mixtures(
    levels: tuple[Level, Level], seed: int, components: int, d: int
) -> None:
    nature, level = levels
    mixture = Mixture.random(seed, components, d)
    g = torch.Generator().manual_seed(seed)
    x_0, z = mixture.sample(64, seed), torch.randn(64, d, generator=g, dtype=torch.float64)
    x_t = level.perturb(x_0, z)
    h = mixture.mean_given(x_t, level, Level.clean())
    x_n = mixture.mean_given(x_t, level, nature)
    assert relative_error(tweedie.nature_mean(h, x_t, nature, level), x_n) <= 1e-12
    gain = float(level.sigma**2 / (nature.alpha * nature.transition_to(level).variance)) * float(x_n.norm() / h.norm())
    assert relative_error(tweedie.clean_mean(x_n, x_t, nature, level), h) <= 1e-12 * max(1.0, gain)


def test_levels_of_a_batch_are_taken_sample_by_sample() -> None:
    mixture = Mixture.random(1)
    nature = VP().level(0.3)
    levels = [VP().level(t) for t in (0.4, 0.6, 0.9)]
    x_t = torch.cat([level.perturb(mixture.sample(1, i), torch.ones(1, 3).double()) for i, level in enumerate(levels)])
    together = VP().level(torch.tensor([0.4, 0.6, 0.9], dtype=torch.float64))
    rows = [mixture.mean_given(x_t[i : i + 1], level, Level.clean()) for i, level in enumerate(levels)]
    wanted = [mixture.mean_given(x_t[i : i + 1], level, nature) for i, level in enumerate(levels)]
    ours = tweedie.nature_mean(torch.cat(rows), x_t, nature, together)
    assert relative_error(ours, torch.cat(wanted)) <= 1e-12


@given(two_levels(), st.integers(0, 10**6))
def test_tweedie_once_gives_the_score(levels: tuple[Level, Level], seed: int) -> None:
    """Against the gradient of the log-density, by automatic differentiation."""
    _, level = levels
    mixture = Mixture.random(seed)
    x_t = level.perturb(mixture.sample(8, seed), torch.ones(8, 3, dtype=torch.float64)).requires_grad_()
    covariance = level.alpha**2 * mixture.covariances + level.sigma**2 * torch.eye(3, dtype=torch.float64)
    parts = torch.distributions.MultivariateNormal(level.alpha * mixture.means, covariance)
    mix = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(mixture.weights), parts)
    (score,) = torch.autograd.grad(mix.log_prob(x_t).sum(), x_t)
    h = mixture.mean_given(x_t.detach(), level, Level.clean())
    assert relative_error(tweedie.from_x_0(h, x_t.detach(), level, "score"), score) <= 1e-9
    assert relative_error(tweedie.to_x_0(score, x_t.detach(), level, "score"), h) <= 1e-9


@pytest.mark.parametrize("kind", ["x_0", "score", "epsilon", "v", "flow", "edm"])
@given(levels=two_levels())
def test_conversions_round_trip(kind: tweedie.Prediction, levels: tuple[Level, Level]) -> None:
    x_0, x_t = torch.randn(2, 4, 3, dtype=torch.float64).unbind()
    for level in levels:
        there = tweedie.from_x_0(x_0, x_t, level, kind)
        assert relative_error(tweedie.to_x_0(there, x_t, level, kind), x_0) <= 1e-10


@given(two_levels())
def test_conversions_are_what_they_are_called(levels: tuple[Level, Level]) -> None:
    """With X_0 and Z known, every prediction is known from its definition."""
    _, level = levels
    x_0, z = torch.randn(2, 4, 3, dtype=torch.float64).unbind()
    x_t = level.perturb(x_0, z)
    wanted = {
        "x_0": x_0,
        "score": -z / level.sigma,
        "epsilon": z,
        "v": level.alpha * z - level.sigma * x_0,
        "flow": z - x_0,
    }
    for kind, value in wanted.items():
        assert torch.allclose(tweedie.from_x_0(x_0, x_t, level, kind), value, rtol=1e-9, atol=1e-9)  # type: ignore[arg-type]
        assert torch.allclose(tweedie.to_x_0(value, x_t, level, kind), x_0, rtol=1e-9, atol=1e-9)  # type: ignore[arg-type]


def test_the_papers_coefficients() -> None:
    """P1 Theorem 3.1 (VE) and A.29 (VP), written out."""
    for s_n, s_t in [(0.2, 0.5), (0.5, 0.9)]:
        a, b = tweedie.nature_coefficients(VE().level(s_n), VE().level(s_t))
        assert float(a) == pytest.approx((s_t**2 - s_n**2) / s_t**2, rel=1e-14)
        assert float(b) == pytest.approx(s_n**2 / s_t**2, rel=1e-14)
        a, b = tweedie.nature_coefficients(VP().level(s_n), VP().level(s_t))
        assert float(a) == pytest.approx((s_t**2 - s_n**2) / (s_t**2 * (1 - s_n**2) ** 0.5), rel=1e-13)
        assert float(b) == pytest.approx(s_n**2 / s_t**2 * ((1 - s_t**2) / (1 - s_n**2)) ** 0.5, rel=1e-13)


def test_limits_are_finite() -> None:
    x_0, x_t = torch.randn(2, 4, 3, dtype=torch.float64).unbind()
    level = VE().level(0.4)
    assert torch.equal(tweedie.nature_mean(x_0, x_t, level, level), x_t)
    assert torch.allclose(tweedie.nature_mean(x_0, x_t, Level.clean(), level), x_0, rtol=1e-15)
    assert torch.equal(tweedie.to_x_0(x_0, x_t, VE().level(0.0), "epsilon"), x_t)
    noise_only = Flow().level(1.0)
    assert tweedie.nature_mean(x_0, x_t, Flow().level(0.5), noise_only).isfinite().all()
    assert torch.allclose(tweedie.to_x_0(x_0, x_t, noise_only, "flow"), x_t - x_0)


def test_what_is_refused() -> None:
    x = torch.zeros(1, 2)
    with pytest.raises(ValueError, match="cleaner"):
        tweedie.nature_mean(x, x, VE().level(1.0), VE().level(0.5))
    with pytest.raises(ValueError, match="SNR_t < SNR_n"):
        tweedie.clean_mean(x, x, VE().level(1.0), VE().level(1.0))
    with pytest.raises(ValueError, match="unknown prediction 'noise'"):
        tweedie.to_x_0(x, x, VE().level(1.0), "noise")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["x_0", "score", "epsilon", "v", "flow", "edm"])
def test_predictions_of_pure_noise(kind: Prediction) -> None:
    """Where alpha = 0 every prediction of h is finite, and gives h back unless it holds nothing of it."""
    level = Level(torch.tensor([0.0, 0.6]).double(), torch.tensor([2.0, 0.8]).double())
    h, x = torch.randn(2, 2, 5, dtype=torch.float64)
    prediction = tweedie.from_x_0(h, x, level, kind)
    assert bool(prediction.isfinite().all())
    if kind in ("score", "epsilon"):
        assert torch.allclose(prediction[0], x[0] / 2 if kind == "epsilon" else -x[0] / 4)
        assert torch.allclose(tweedie.to_x_0(prediction[1:], x[1:], level[1:], kind), h[1:])
        with pytest.raises(ValueError, match=f"pure noise .* {kind} says nothing"):
            tweedie.to_x_0(prediction, x, level, kind)
    else:
        assert torch.allclose(tweedie.to_x_0(prediction, x, level, kind), h)
