from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ambient.models.restoration import LEAST, Tiled, posterior_mean, posterior_samples
from ambient.noise.clipping import Limits
from ambient.process import VE, Level, as_level


class Gaussian(nn.Module):
    """The exact denoiser of independent pixels N(m, s^2), in the place of a trained model."""

    shape = (1, 8, 8)
    method = "ambient"
    limits = Limits(None, None, 0.0, 0.0)
    stabilised = None
    noisy = False

    def encode(self, images: Tensor) -> Tensor:
        return images

    decode = encode

    def __init__(self, mean: float = 0.2, std: float = 0.5) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, x_t: Tensor, level: Level | Tensor, **_: Any) -> Tensor:
        own = as_level(level).on(x_t)
        alpha, sigma = (v.to(x_t).reshape(-1, 1, 1, 1) for v in (own.alpha, own.sigma))
        gain = alpha * self.std**2 / (alpha**2 * self.std**2 + sigma**2)
        return self.mean + gain * (x_t - alpha * self.mean)


def test_each_image_is_restored_at_its_own_level() -> None:
    model: Any = Gaussian()
    x = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    sigma = torch.tensor([0.0, 0.3, 2.0], dtype=torch.float64)
    found = posterior_mean(model, x, sigma)
    gain = 0.25 / (0.25 + sigma**2)
    expected = 0.2 + gain.reshape(-1, 1, 1, 1) * (x - 0.2)
    torch.testing.assert_close(found, expected)
    assert torch.equal(found[0], x[0])


def test_posterior_samples_have_the_exact_moments() -> None:
    model: Any = Gaussian()
    x = torch.full((400, 1, 8, 8), 1.1, dtype=torch.float64)
    for sigma in (0.3, 1.0):
        found = posterior_samples(model, x, sigma, range(400), steps=40, depth=1 / 200)
        gain = 0.25 / (0.25 + sigma**2)
        assert float(found.mean()) == pytest.approx(0.2 + gain * 0.9, abs=0.01)
        assert float(found.std()) == pytest.approx((gain * sigma**2) ** 0.5, rel=0.03)


def test_a_posterior_sample_depends_on_seed_and_index_alone() -> None:
    model: Any = Gaussian()
    x = torch.randn(4, 1, 8, 8)
    sigma = torch.tensor([0.1, 0.2, 0.4, LEAST / 2])
    whole = posterior_samples(model, x, sigma, [5, 6, 7, 8], seed=2)
    part = posterior_samples(model, x[1:3], sigma[1:3], [6, 7], seed=2)
    torch.testing.assert_close(whole[1:3], part)
    assert torch.equal(whole[3], x[3])
    assert not torch.equal(whole[:1], posterior_samples(model, x[:1], sigma[:1], [5], seed=3))


def test_early_stop_has_no_posterior_samples() -> None:
    model: Any = Gaussian()
    model.method = "early-stop"
    with pytest.raises(ValueError, match="posterior mean"):
        posterior_samples(model, torch.zeros(1, 1, 8, 8), 0.3, [0])


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (13, 20), (16, 31)])
@pytest.mark.parametrize("overlap", [0, 3, 7])
def test_tiles_of_a_pointwise_denoiser_are_the_denoiser(size: tuple[int, int], overlap: int) -> None:
    model = Gaussian()
    x = torch.randn(2, 1, *size, dtype=torch.float64)
    tiled = Tiled(model, 8, overlap)
    torch.testing.assert_close(tiled(x, torch.tensor(0.7)), model(x, torch.tensor(0.7)))


def test_smaller_images_and_other_channels_are_refused() -> None:
    model: Any = Gaussian()
    with pytest.raises(ValueError, match="smaller than the model's 8x8"):
        posterior_mean(model, torch.zeros(1, 1, 7, 9), 0.3)
    with pytest.raises(ValueError, match="1 channel"):
        posterior_mean(model, torch.zeros(1, 3, 8, 8), 0.3)
    with pytest.raises(ValueError, match="say how noisy"):
        posterior_mean(model, torch.zeros(1, 1, 8, 8))
    with pytest.raises(ValueError, match="0 or more"):
        posterior_mean(model, torch.zeros(1, 1, 8, 8), -0.3)
    with pytest.raises(ValueError, match="share between 0 and 7"):
        Tiled(Gaussian(), 8, 8)


def test_saturated_pixels_are_given_their_tail_where_the_model_knows_the_limits() -> None:
    """Pixels of -.9 with noise of .4, stored in [-1, 1]."""
    clean = torch.full((400, 1, 8, 8), -0.9)
    noisy = clean + 0.4 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    model: Any = Gaussian(-0.9, 0.3)
    stored = noisy.clamp(-1, 1)
    plain = posterior_mean(model, stored, 0.4)
    model.limits = Limits(-1.0, 1.0, 0.4, 0.0)
    whole = posterior_mean(model, stored, 0.4)
    assert float((plain - clean).mean()) > 0.03
    assert abs(float((whole - clean).mean())) < 0.2 * abs(float((plain - clean).mean()))
    assert torch.equal(posterior_mean(model, noisy, 0.4), Gaussian(-0.9, 0.3)(noisy, VE().level(0.4)).float())
