from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.data import Samples
from ambient.models import Recipe, fit, load, posterior_mean
from ambient.models.fitting import choose_method, sigma_data_of
from ambient.process import Level
from tests.ambient.models.small import SIGMA, digits, noisy_digits, trained


@pytest.mark.parametrize(
    ("levels", "method"),
    [([0.0, 0.0], "algorithm-1"), ([0.3, 0.3], "recommended"), ([0.0, 0.3], "ambient"), ([0.1, 0.4], "recommended")],
)
def test_auto_goes_by_the_noise_of_the_images(levels: list[float], method: str) -> None:
    assert choose_method("auto", torch.tensor(levels)) == method


@pytest.mark.parametrize(
    ("method", "levels", "message"),
    [
        ("dsm", [0.3, 0.3], "2 of 2 are noisy"),
        ("algorithm-1", [0.0, 0.3], "1 of 2 are noisy"),
        ("recommended", [0.0, 0.3], "1 of 2 are clean"),
        ("early-stop", [0.0, 0.0], "2 of 2 are clean"),
    ],
)
def test_a_method_that_does_not_fit_the_images_is_refused(method: str, levels: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_method(method, torch.tensor(levels))  # type: ignore[arg-type]


def test_sigma_data_is_that_of_the_clean_images() -> None:
    clean = 0.5 * torch.randn(20_000, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    levels = torch.rand(20_000, generator=torch.Generator().manual_seed(1)).double()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    x = clean + levels.reshape(-1, 1, 1, 1).float() * noise
    samples = Samples(x, Level(torch.ones_like(levels), levels), torch.arange(len(x)))
    assert sigma_data_of(samples) == pytest.approx(0.5, rel=0.01)
    too_high = Samples(clean, Level(1.0, 0.6), torch.arange(len(x)))
    with pytest.raises(ValueError, match="too high"):
        sigma_data_of(too_high)


@pytest.mark.slow
def test_restored_images_are_nearer_to_the_clean_ones(tmp_path: Path) -> None:
    model = trained(tmp_path, steps=300)
    restored = posterior_mean(model, noisy_digits(), SIGMA)
    error = float((restored - digits()).square().mean().sqrt())
    assert error < 0.7 * SIGMA


def test_the_same_call_goes_on_and_changes_nothing_when_done(tmp_path: Path) -> None:
    first = trained(tmp_path, steps=20)
    again = trained(tmp_path, steps=20)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_levels_for_each_image_and_classes(tmp_path: Path) -> None:
    images = torch.cat([digits(32), noisy_digits(32)])
    sigma = torch.cat([torch.zeros(32), torch.full((32,), SIGMA)])
    labels = torch.arange(64) % 2
    recipe = Recipe(steps=5, batch=16)
    model = fit(images, sigma, tmp_path, recipe, labels=labels, classes=("even", "odd"), progress=lambda *_: None)
    assert model.method == "ambient"
    assert "32 of 64 clean" in model.facts["levels of the images"]
    assert next(model.sample(2, labels=[1, 0])).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="no class 2"):
        next(model.sample(1, labels=[2]))


@pytest.mark.parametrize(
    ("images", "sigma", "message"),
    [
        (torch.zeros(4, 1, 8, 9), 0.1, "square"),
        (torch.zeros(1, 1, 8, 8), 0.1, "1 image"),
        (torch.full((4, 1, 8, 8), torch.nan), 0.1, "image 0 has values"),
        (torch.zeros(4, 1, 8, 8), torch.zeros(3), "4 images need"),
        (torch.zeros(4, 1, 8, 8), -1.0, "0 or more"),
        (torch.zeros(4, 1, 8, 8), 0.3, "too high"),
    ],
)
def test_images_that_cannot_be_trained_on(
    tmp_path: Path, images: torch.Tensor, sigma: float | torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit(images, sigma, tmp_path, Recipe(steps=2, batch=16))


def test_what_files_cut_off_the_noise_is_drawn_anew_and_said(tmp_path: Path) -> None:
    clean = torch.full((64, 1, 8, 8), -0.9)
    clean[:, :, 2:6, 2:6] = torch.randn(64, 1, 1, 1, generator=torch.Generator().manual_seed(0)).clamp(-1, 1) / 2
    noisy = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    recipe = Recipe(method="ambient", steps=1, batch=16)
    model = fit(noisy.clamp(-1, 1), 0.3, tmp_path / "clipped", recipe, progress=lambda *_: None)
    assert model.limits.low == -1.0
    assert "given its tail" in model.facts["clipping"]
    loaded = load(tmp_path / "clipped")
    assert (loaded.limits.low, loaded.limits.high) == (model.limits.low, model.limits.high)
    stored = noisy.clamp(-1, 1).mean(0)[:, [0, 1, 6, 7]].mean()
    assert abs(float(model.centre[:, [0, 1, 6, 7]].mean()) + 0.9) < 0.4 * abs(float(stored) + 0.9)
    whole = fit(noisy, 0.3, tmp_path / "float", recipe, progress=lambda *_: None)
    assert not whole.limits.clipped
    assert "clipping" not in whole.facts
    assert not fit(
        noisy.clamp(-1, 1), 0.0, tmp_path / "clean", Recipe("dsm", steps=1), progress=lambda *_: None
    ).limits.clipped
