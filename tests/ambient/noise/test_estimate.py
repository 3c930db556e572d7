from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ambient.data.images import to_uint8, to_unit
from ambient.noise import estimate
from tests.ambient.noise.pictures import blurred, noisy, smooth_with_edges


@given(st.floats(0.08, 0.6), st.sampled_from([1, 3]), st.booleans(), st.integers(0, 3))
@settings(max_examples=6)
def test_white_noise_is_known_within_a_tenth(sigma: float, channels: int, stored: bool, seed: int) -> None:
    images = noisy(smooth_with_edges(80, channels, seed=seed), sigma, seed=10 + seed)
    found = estimate(to_unit(to_uint8(images)) if stored else images)
    assert found.level.contains(sigma)
    if found.level.known:
        assert found.level.sigma == pytest.approx(sigma, rel=0.1)
    assert False not in (found.white.holds, found.gaussian.holds, found.constant.holds, found.equal.holds)


@pytest.mark.parametrize("kind", ["gaussian", "laplace", "uniform"])
def test_bounds_hold_for_white_noise_of_any_tails(kind: str) -> None:
    found = estimate(noisy(smooth_with_edges(200), 0.3, kind))
    assert found.level.known
    assert found.level.contains(0.3)
    assert found.gaussian.holds is (kind == "gaussian")
    if kind != "gaussian":
        excess = found.gaussian.figures["excess kurtosis"]
        assert excess == pytest.approx({"laplace": 3, "uniform": -1.2}[kind], abs=0.8)


@pytest.mark.parametrize("channels", [1, 3])
def test_correlated_noise_is_not_called_white(channels: int) -> None:
    clean = smooth_with_edges(150, channels)
    found = estimate(clean + 0.3 * blurred(clean.shape, torch.Generator().manual_seed(3)))
    assert found.white.holds is False
    assert not found.level.known
    assert found.level.contains(0.3)
    assert "not white" in found.verdict


def test_one_noise_in_all_channels_is_not_white() -> None:
    clean = smooth_with_edges(150, 3)
    one = torch.randn(150, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    found = estimate(clean + 0.3 * one)
    assert found.white.holds is False
    assert found.level.contains(0.3)


def test_photon_noise_is_told_with_its_law() -> None:
    clean, gain, std = smooth_with_edges(250), 0.04, 0.05
    draws = torch.Generator().manual_seed(5)
    counts = torch.poisson((clean + 1) / gain, generator=draws)
    found = estimate(counts * gain - 1 + std * torch.randn(clean.shape, generator=draws))
    assert found.constant.holds is False
    assert found.constant.figures["gain"] == pytest.approx(gain, rel=0.1)
    assert found.constant.figures["variance at black"] == pytest.approx(std**2, abs=4e-3)
    assert found.equal.holds is not False  # the images differ in brightness, not in gain


@pytest.mark.parametrize("order", ["alternating", "first half"])
def test_clean_and_noisy_images_together(order: str) -> None:
    index = torch.arange(100)
    is_noisy = index % 2 == 0 if order == "alternating" else index < 50
    sigma = torch.where(is_noisy, 0.4, 0.0)[:, None, None, None]
    found = estimate(noisy(smooth_with_edges(100), sigma))
    assert found.equal.holds is False
    assert "Images differ" in found.verdict
    own = found.images.sigma
    assert own[is_noisy].mean().item() == pytest.approx(0.4, rel=0.05)
    assert own[is_noisy].min() > own[~is_noisy].max()
    assert found.white.holds is not False


def test_levels_of_images_lie_in_their_intervals() -> None:
    sigma = torch.linspace(0.1, 0.5, 120)
    images = noisy(smooth_with_edges(120), sigma[:, None, None, None])
    own = estimate(images).images
    covered = (own.lower <= sigma) & (sigma <= own.upper)
    assert covered.double().mean() > 0.95
    assert torch.corrcoef(torch.stack([own.sigma, sigma.double()]))[0, 1] > 0.9


def test_clean_images_are_not_called_noisy() -> None:
    found = estimate(smooth_with_edges(80))
    assert not found.level.known
    assert found.level.lower == 0
    assert found.verdict.startswith("Cannot tell")


def test_clipping_is_taken_back_and_its_bias_is_said() -> None:
    images = noisy(smooth_with_edges(150), 0.6).clamp(-1, 1)
    found = estimate(images)
    assert found.level.contains(0.6)
    assert found.clipping_bias < -0.05
    plain = estimate(noisy(smooth_with_edges(150), 0.6))
    assert plain.clipping_bias == 0


def test_masked_borders_do_not_lower_the_level() -> None:
    images = noisy(smooth_with_edges(100), 0.2)
    images[:, :, :, :12] = 0
    found = estimate(images)
    assert found.level.contains(0.2)
    assert found.constant_patches > 0.2


def test_grey_stored_as_colour_is_seen() -> None:
    images = noisy(smooth_with_edges(100), 0.2)
    found, grey = estimate(images.expand(-1, 3, -1, -1)), estimate(images)
    assert found.channels == "grey stored as colour"
    assert found.level == grey.level


def test_one_large_image_is_enough() -> None:
    found = estimate(noisy(smooth_with_edges(1, side=256), 0.2))
    assert found.level.contains(0.2)
    assert found.equal.holds is None


def test_everything_goes_into_json() -> None:
    found = estimate(noisy(smooth_with_edges(40), 0.2))
    record = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert len(record["images"]["sigma"]) == 40
    assert record["level"]["upper"] == found.level.upper


@pytest.mark.parametrize(
    ("images", "named"),
    [
        (torch.zeros(4, 32, 32), "(N, C, H, W)"),
        (torch.zeros(4, 2, 32, 32), "C = 1 or 3"),
        (torch.zeros(0, 1, 32, 32), "(N, C, H, W)"),
        (torch.zeros(4, 1, 32, 32, dtype=torch.uint8), "uint8"),
        (torch.rand(9, 1, 3, 32), "smaller than the 4x4"),
        (torch.rand(1, 1, 8, 8), "too few"),
        (torch.zeros(9, 1, 32, 32), "all equal"),
    ],
)
def test_what_cannot_be_estimated_is_refused(images: torch.Tensor, named: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        estimate(images)
    assert named in str(error.value)


def test_nan_is_refused_by_index() -> None:
    images = noisy(smooth_with_edges(20), 0.2)
    images[7, 0, 3, 3] = float("nan")
    with pytest.raises(ValueError, match="index 7"):
        estimate(images)
