from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from ambient.data import Samples
from ambient.denoisers import Denoiser
from ambient.objectives import AmbientScoreMatching, PlainWeight
from ambient.process import VE, Level, where
from ambient.randomness import Draws
from benchmarks.mixed_levels import work as mixed
from benchmarks.mixed_levels.exact import DESIGNS, MULTIPLES, GaussianWorld, costs, minimiser, weights
from benchmarks.mixed_levels.options import MixedLevels
from benchmarks.noisy_images.images import split_of
from theory.mixture import GaussianMixture
from theory.worlds import RandomMixture

WORLD = GaussianWorld()


@pytest.mark.parametrize("sigma", [0.2, 0.4, 0.45, 1.6])
def test_clean_noisy_and_both_have_one_minimiser_at_every_level(sigma: float) -> None:
    """The exact second moments in the place of sample moments: E[X_0 | X_t], whatever the weights of the parts."""
    clean = WORLD.covariance
    noisy = clean + WORLD.sigma_n**2 * torch.eye(len(clean), dtype=torch.float64)
    exact = clean @ torch.linalg.inv(clean + sigma**2 * torch.eye(len(clean), dtype=torch.float64))
    designs: list[tuple[Tensor | None, Tensor | None, float, float]] = [
        (clean, noisy, 0.5, 3.0),
        (clean, None, 1.0, 0.0),
    ]
    if sigma > WORLD.sigma_n:
        designs.append((None, noisy, 0.0, 1.0))
    for s_0, s_n, p, q in designs:
        torch.testing.assert_close(minimiser(s_0, s_n, sigma, WORLD.sigma_n, p, q), exact, rtol=0, atol=1e-10)
    torch.testing.assert_close(WORLD.best(sigma), exact, rtol=0, atol=1e-10)


def test_the_minimiser_is_where_the_empirical_loss_is_flat() -> None:
    """By automatic differentiation of both losses, averaged over the fresh noise."""
    sigma, p, q = 0.6, 0.3, 1.7
    s_0, s_n = WORLD.moments(30, 0, noisy=False), WORLD.moments(20, 1, noisy=True)
    eye = torch.eye(len(s_0), dtype=torch.float64)
    k = minimiser(s_0, s_n, sigma, WORLD.sigma_n, p, q).requires_grad_()
    a = 1 - WORLD.sigma_n**2 / sigma**2
    g = a * k + (1 - a) * eye
    m_0, m_n = s_0 + sigma**2 * eye, s_n + (sigma**2 - WORLD.sigma_n**2) * eye
    clean = (k @ m_0 @ k.T).trace() - 2 * (k @ s_0).trace() + s_0.trace()
    noisy = (g @ m_n @ g.T).trace() - 2 * (g @ s_n).trace() + s_n.trace()
    (gradient,) = torch.autograd.grad(p * clean + q * noisy, k)
    assert float(gradient.abs().max()) < 1e-10


def test_only_clean_samples_say_anything_at_and_below_the_noise() -> None:
    noisy = WORLD.moments(20, 1, noisy=True)
    with pytest.raises(ValueError, match=r"no sample is used at sigma = 0\.4"):
        minimiser(None, noisy, 0.4, 0.4, 0.0, 1.0)
    clean = WORLD.moments(20, 1, noisy=False)
    assert torch.equal(minimiser(clean, noisy, 0.4, 0.4, 1, 1), minimiser(clean, None, 0.4, 0.4, 1, 1))


def test_half_clean_is_no_worse_in_exact_worlds() -> None:
    found = {d: [costs(WORLD, d, 256, seed) for seed in range(30)] for d in DESIGNS}
    for m in MULTIPLES:
        mixed_cost, rivals = (
            torch.tensor([entry[m] for entry in found["half clean"]]),
            [torch.tensor([entry[m] for entry in found[d]]) for d in DESIGNS[1:] if m in found[d][0]],
        )
        assert len(rivals) == (2 if m > 1 else 0)
        for rival in rivals:
            difference = mixed_cost - rival
            assert difference.mean() < 2 * difference.std() / 30**0.5
    assert weights("half clean", 0.4)[1] > 0.5  # each noisy sample draws its levels from a smaller range


@pytest.mark.parametrize("dimension", [2, 8])
def test_a_batch_of_clean_and_noisy_samples_teaches_the_posterior_mean_of_a_mixture(dimension: int) -> None:
    """The slope of the objective itself at E[X_0 | X_t] of a Gaussian mixture, in directions it could be wrong in."""
    mixture = RandomMixture(dimension, 4, rank=1).draw(seed=3)
    n = 40_000
    x_0 = mixture.sample(n, torch.Generator().manual_seed(0)).double()
    noisy = torch.arange(n) % 2 == 1
    nature = where(noisy, VE().level(torch.full((n,), 0.4, dtype=torch.float64)), Level.clean().on(x_0).expand(n))
    samples = Samples(nature.perturb(x_0, _normal(n, dimension)), nature, torch.arange(n))
    objective = AmbientScoreMatching(weight=PlainWeight())

    def slope(denoiser: Denoiser, sign: Tensor) -> Tensor:
        """Half the derivative of each sample's loss as the denoiser moves by `sign` * tanh(x_t)."""
        step = 1e-4
        sides = []
        for move in (step, -step):
            moved = _moved(denoiser, move, sign)
            sides.append(objective(moved, samples.batch(torch.arange(n)), Draws.of_step(0, 0)).per_sample)
        return (sides[0] - sides[1]) / (2 * step)

    for sign in (torch.ones(dimension), torch.eye(dimension)[0]):
        right = slope(mixture.denoiser, sign.double())
        assert abs(float(right.mean())) < 4 * float(right.std()) / n**0.5
        wrong = slope(_noise_left(mixture), sign.double())
        assert float(wrong.mean()) > 8 * float(wrong.std()) / n**0.5


def _normal(n: int, dimension: int) -> Tensor:
    return torch.randn(n, dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def _moved(denoiser: Denoiser, move: float, sign: Tensor) -> Denoiser:
    def moved(x_t: Tensor, level: Level | Tensor, **condition: object) -> Tensor:
        return denoiser(x_t, level, **condition) + move * sign * torch.tanh(x_t)

    return moved


def _noise_left(mixture: GaussianMixture) -> Denoiser:
    """What is learnt from these samples as if all were clean, about: a part of x_t itself."""

    def denoiser(x_t: Tensor, level: Level | Tensor, **condition: object) -> Tensor:
        return 0.8 * mixture.denoiser(x_t, level) + 0.2 * x_t

    return denoiser


def test_designs_share_their_noisy_images() -> None:
    split = split_of(torch.rand(30, 1, 8, 8) * 2 - 1, 0, 20, 10)
    both, levels = mixed.noisy_design(split, "half clean", 0.4)
    half, own = mixed.noisy_design(split, "noisy half", 0.4)
    every, _ = mixed.noisy_design(split, "all noisy", 0.4)
    assert torch.equal(both[:10], split.train[:10])
    assert torch.equal(both[10:], half)
    assert torch.equal(every[10:], half)
    assert levels.tolist() == [0.0] * 10 + [0.4] * 10
    assert own.tolist() == [0.4] * 10


def test_the_command_computes_reports_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    monkeypatch.setattr(mixed, "_sets", lambda options: {"X-rays 32x32": images})
    options = MixedLevels(
        splits=(0,), steps=2, batch=16, images=30, held_out=10, judged=4, samples=8, repetitions=2, output=tmp_path
    )
    mixed.work(options)
    first = capsys.readouterr().out
    assert first.count("result.json written") == 3
    mixed.work(options)
    assert "written" not in capsys.readouterr().out
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "| X-rays 32x32 | half clean | ambient | 30 | 1 |" in table
    assert "| X-rays 32x32 | noisy half | recommended | 15 | 1 |" in table
