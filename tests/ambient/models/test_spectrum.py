from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import torch
from torch import Tensor, nn

from ambient.denoisers import EDMDenoiser
from ambient.models import Model, load
from ambient.models.fitting import Recipe, fit
from ambient.models.spectrum import SpectralDenoiser, cosines, spectrum
from ambient.process import VE, VP

SIDE = 8


class _Silent(nn.Module):
    """A network that adds nothing, as all are when they are new."""

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        return torch.zeros_like(x)


def _falling(channels: int) -> Tensor:
    """Variances that fall with the frequency, (C, H, W), a third of them far below any noise here."""
    frequency = torch.arange(SIDE, dtype=torch.float64)
    one = torch.exp(-0.8 * (frequency[:, None] + frequency))
    return 4 * one * torch.tensor([0.3, 1.0, 2.5], dtype=torch.float64)[:channels, None, None]


def _images(n: int, channels: int, seed: int = 0) -> Tensor:
    """Gaussian images of this spectrum by scipy's transform, their channels turned by a fixed rotation."""
    z = np.random.default_rng(seed).normal(size=(n, channels, SIDE, SIDE)) * _falling(channels).sqrt().numpy()
    x = scipy.fft.idctn(z, axes=(2, 3), norm="ortho")
    return torch.from_numpy(np.einsum("bchw,dc->bdhw", x, _rotation(channels)))


def _rotation(channels: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(5).normal(size=(channels, channels)))[0]


def test_cosines_are_scipys() -> None:
    assert cosines(SIDE).numpy() == pytest.approx(scipy.fft.dct(np.eye(SIDE), axis=0, norm="ortho"), abs=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("process", [VE(), VP()])
def test_without_a_network_it_is_the_best_linear_estimate(channels: int, process: VE | VP) -> None:
    """Against the solution of the normal equations with the whole covariance matrix, of variances that are given."""
    denoiser = SpectralDenoiser(_Silent(), channels, SIDE).double()
    denoiser.cosines = cosines(SIDE)
    denoiser.turn.copy_(torch.from_numpy(_rotation(channels)))
    denoiser.variance.copy_(_falling(channels))
    unit = np.eye(channels * SIDE**2).reshape(-1, channels, SIDE, SIDE) * _falling(channels).sqrt().numpy()
    root = np.einsum("bchw,dc->bdhw", scipy.fft.idctn(unit, axes=(2, 3), norm="ortho"), _rotation(channels))
    root = root.reshape(len(root), -1)
    covariance = root.T @ root
    level = process.level(0.4)
    alpha, sigma = float(level.alpha), float(level.sigma)
    x = torch.randn(5, channels, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    total = alpha**2 * covariance + sigma**2 * np.eye(len(covariance))
    exact = alpha * covariance @ np.linalg.solve(total, x.reshape(5, -1).numpy().T)
    assert pytest.approx(exact, abs=1e-9) == denoiser(x, level).reshape(5, -1).numpy().T
    error = np.trace(covariance - alpha**2 * covariance @ np.linalg.solve(total, covariance)) / len(covariance)
    one = SpectralDenoiser(_One(), channels, SIDE).double()
    one.load_state_dict(denoiser.state_dict())
    one.cosines = cosines(SIDE)
    c_out = (one(x, level) - denoiser(x, level)).mean()
    assert float(c_out) == pytest.approx(error**0.5, rel=1e-9)  # its own root mean square error


class _One(nn.Module):
    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        return torch.ones_like(x)


def test_as_made_it_is_edms() -> None:
    x, sigma = (
        torch.randn(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0.01, 0.3, 1, 9]),
    )
    ours, edm = SpectralDenoiser(_One(), 3, SIDE, 0.4)(x, sigma), EDMDenoiser(_One(), 0.4)(x, sigma)
    assert ours.numpy() == pytest.approx(edm.numpy(), abs=1e-5)


@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_the_spectrum_of_clean_images_is_found_from_noisy_ones(sigma: float) -> None:
    x = _images(4000, 3)
    noisy = x + sigma * torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(2))
    turn, variance = spectrum(noisy - noisy.mean(0), torch.tensor(sigma))
    truth = _falling(3)
    assert abs(turn.numpy().T @ _rotation(3)) == pytest.approx(np.eye(3), abs=0.05)
    error = (truth + sigma**2) * (2 / 4000) ** 0.5
    told = truth > 8 * error
    assert told.double().mean() > (0.3 if sigma else 0.99)
    assert ((variance - truth).abs() < 5 * error + 0.05 * truth)[told].all()
    assert (variance > 0).all()
    assert (variance[~told] < max(0.5 * sigma**2, 0.05)).all()  # what is not told from noise is mostly filtered out


def test_levels_of_each_image_count_as_their_mean_square() -> None:
    x, sigma = _images(6000, 1), torch.tensor([0.0, 0.5]).repeat(3000)
    noisy = x + sigma[:, None, None, None] * torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    _, variance = spectrum(noisy - noisy.mean(0), sigma)
    assert variance[0, 0, 0] == pytest.approx(float(_falling(1)[0, 0, 0]), rel=0.1)


def test_noisy_images_are_fitted_with_it_and_it_is_saved_and_loaded(tmp_path: Path) -> None:
    x = _images(64, 1).float() + 0.3 * torch.randn(64, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(4))
    recipe = Recipe(method="ambient", steps=1, batch=16)
    model = fit(x, 0.3, tmp_path / "noisy", recipe, progress=lambda *_: None)
    assert isinstance(model.denoiser, SpectralDenoiser)
    noisy = torch.full((64,), 0.3)
    assert torch.equal(load(tmp_path / "noisy")(x, noisy), model(x, noisy))
    clean = fit(x, 0.0, tmp_path / "clean", Recipe(method="dsm", steps=1, batch=16), progress=lambda *_: None)
    assert type(clean.denoiser) is EDMDenoiser
    assert type(Model("small", 1, SIDE).denoiser) is EDMDenoiser


def test_it_restores_better_than_a_scalar_from_the_first_update_on(tmp_path: Path) -> None:
    clean = _images(256, 1).float()
    x = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(4))
    error = {}
    for spectral in (True, False):
        recipe = Recipe(method="ambient", steps=1, batch=16, spectral=spectral)
        model = fit(x, 0.3, tmp_path / str(spectral), recipe, progress=lambda *_: None)
        error[spectral] = float((model(x, torch.full((256,), 0.3)) - clean).square().mean().sqrt())
    assert error[True] < 0.7 * error[False]
