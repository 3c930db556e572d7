from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ambient.data import Crops, Samples
from ambient.models import Recipe, fit, load, posterior_mean
from ambient.models.export import to_k_diffusion
from ambient.models.fitting import choose_method, learning_rate_of
from ambient.models.names import LEARNING_RATES
from ambient.models.preparing import prepare, sigma_data_of
from ambient.models.unclipping import unclipped
from ambient.noise import PoissonGaussian, Stabilised
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


@pytest.mark.parametrize("method", ["auto", "paper", "early-stop"])
def test_noisy_images_may_have_levels_of_their_own(tmp_path: Path, method: str) -> None:
    sigma = torch.tensor([0.2, 0.5], dtype=torch.float64).repeat(16)
    noise = torch.randn(32, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images = digits(32) + sigma.float().reshape(-1, 1, 1, 1) * noise
    model = fit(images, sigma, tmp_path, Recipe(method=method, steps=3, batch=16), progress=lambda *_: None)  # type: ignore[arg-type]
    assert "0.2 to 0.5" in model.facts["levels of the images"]


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
    assert "tails drawn anew" in model.facts["clipping"]
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


def test_tails_are_given_to_large_images_through_tiles() -> None:
    clean = torch.full((1, 20, 28), -0.95)
    clean[:, 5:15, 5:20] = 0.0
    draws = torch.Generator().manual_seed(0)
    noisy = [(clean + 0.3 * torch.randn(clean.shape, generator=draws)).clamp(-1, 1) for _ in range(8)]
    sigma = torch.tensor([0.3] * 7 + [0.0])
    whole, limits = unclipped(noisy, sigma, 8, seed=0)
    assert limits.low == -1.0
    assert torch.equal(whole[7], noisy[7])  # a clean image was not clipped by noise
    dark = clean < -0.9
    before, after = (torch.stack([image[dark] for image in list(found)[:7]]).mean() for found in (noisy, whole))
    assert abs(float(after) + 0.95) < 0.3 * abs(float(before) + 0.95)
    again, _ = unclipped(noisy, sigma, 8, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))


def larger(number: int = 12) -> list[torch.Tensor]:
    """Noisy colour images of two sizes, none square."""
    g = torch.Generator().manual_seed(0)
    sizes = [(20, 13), (11, 24)]
    return [torch.rand(3, 1, 1, generator=g) + 0.3 * torch.randn(3, *sizes[i % 2], generator=g) for i in range(number)]


def test_pieces_of_larger_images_make_a_model_of_their_size_about_the_mean_colour(tmp_path: Path) -> None:
    images = larger()
    model = fit(images, 0.3, tmp_path, Recipe(steps=3, batch=16, crop=8), progress=lambda *_: None)
    assert model.shape == (3, 8, 8)
    colour = torch.stack([image.mean((1, 2)) for image in images]).mean(0)
    torch.testing.assert_close(model.centre, colour[:, None, None].expand(3, 8, 8))
    assert model.facts["training images"] == "12, in pieces of 8x8"
    assert posterior_mean(model, images[0][None], 0.3).shape == (1, 3, 20, 13)


def test_a_run_on_pieces_that_is_stopped_goes_on_bit_for_bit(tmp_path: Path) -> None:
    def stop(images: int, _: float) -> None:
        if images == 5 * 16:
            raise KeyboardInterrupt

    recipe = Recipe(method="ambient", steps=8, batch=16, crop=8)
    whole = fit(larger(), 0.3, tmp_path / "whole", recipe, progress=lambda *_: None, steps_a_checkpoint=3)
    with pytest.raises(KeyboardInterrupt):
        fit(larger(), 0.3, tmp_path / "parts", recipe, progress=stop, steps_a_checkpoint=3)
    parts = fit(larger(), 0.3, tmp_path / "parts", recipe, progress=lambda *_: None, steps_a_checkpoint=3)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name])


def test_algorithm_1_on_pieces_cuts_one_noisy_copy_of_the_whole_image() -> None:
    images = [image - 0.3 for image in larger()]
    recipe = {"sigma_nature": 0.4, "seed": 3, "crop": 8}
    data = prepare(images, torch.zeros(12).double(), "algorithm-1", **recipe).data  # type: ignore[arg-type]
    assert isinstance(data, Crops)
    noises = [noisy - clean for noisy, clean in zip(data.images, data.clean or [], strict=True)]
    assert torch.cat([noise.flatten() for noise in noises]).std() == pytest.approx(0.4, rel=0.03)
    again = prepare(images, torch.zeros(12).double(), "algorithm-1", **recipe).data  # type: ignore[arg-type]
    assert data.fingerprint() == again.fingerprint()


@pytest.mark.parametrize(
    ("images", "crop", "message"),
    [
        (larger(), None, "2 sizes: train on square pieces"),
        (torch.zeros(4, 1, 8, 9), None, "or square pieces"),
        (larger(), 12, "no piece of 12x12 fits"),
        ([torch.zeros(3, 9, 9), torch.zeros(1, 9, 9)], 8, "of one C"),
    ],
)
def test_images_that_do_not_fit_say_so(
    tmp_path: Path, images: torch.Tensor | list[torch.Tensor], crop: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit(images, 0.3, tmp_path, Recipe(crop=crop))


LAW = PoissonGaussian(0.1, 0.05)


def test_a_model_for_poisson_noise_inverts_what_it_was_trained_on(tmp_path: Path) -> None:
    clean = digits(32)
    g = torch.Generator().manual_seed(0)
    images = 0.1 * torch.poisson((clean + 1) / 0.1, generator=g) - 1 + 0.05 * torch.randn(clean.shape, generator=g)
    model = fit(images, LAW, tmp_path, Recipe(steps=3, batch=16), progress=lambda *_: None)
    transform = Stabilised(LAW)
    assert model.nature == transform.sigma
    loaded = load(tmp_path)
    assert loaded.stabilised == transform
    u = transform.forward(images)
    torch.testing.assert_close(loaded.centre, u.mean(0))
    with torch.no_grad():
        expected = transform.inverse(loaded(u, torch.tensor(transform.sigma)))
    torch.testing.assert_close(posterior_mean(loaded, images), expected, rtol=0, atol=1e-5)
    assert float(next(loaded.sample(2)).min()) >= -1
    with pytest.raises(ValueError, match="one noise only"):
        posterior_mean(loaded, images, 0.3)
    with pytest.raises(ValueError, match="Poisson noise"):
        to_k_diffusion(loaded, tmp_path / "export")
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    for words in ("poisson:0.1:0.05", "exact unbiased inverse", "average posterior samples"):
        assert words in card


def test_larger_images_are_trained_at_a_quarter_of_the_rate() -> None:
    assert learning_rate_of(Recipe(), 16) == 4 * learning_rate_of(Recipe(), 32) == LEARNING_RATES["small"]
    assert learning_rate_of(Recipe(learning_rate=0.1), 32) == 0.1
