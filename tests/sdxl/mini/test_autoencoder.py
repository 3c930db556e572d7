"""The VAE's loss and latents."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from ambient.data import Batch
from ambient.process import Level
from ambient.randomness import Draws
from sdxl.mini.autoencoder import Autoencoder, Reconstruction, decode, encode, errors
from sdxl.tiny.parts import make_vae


def _vae() -> object:
    torch.manual_seed(0)
    return make_vae((8, 8), 32, attention=False).requires_grad_(False)


def _images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_divergence_is_that_of_the_posterior_to_a_standard_normal() -> None:
    vae, images = _vae(), _images()
    _, divergence = Autoencoder(vae)(images, torch.zeros_like)
    posterior = vae.encode(images).latent_dist  # type: ignore[attr-defined]
    wanted = kl_divergence(Normal(posterior.mean, posterior.std), Normal(0.0, 1.0))
    torch.testing.assert_close(divergence, wanted.flatten(1).mean(1))


def test_the_loss_on_a_decoder_that_gives_grey() -> None:
    """Of y = 0 the absolute error is |x| and the error of differences that of x itself."""

    def grey(images: torch.Tensor, _: object) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros_like(images), torch.full((len(images),), 5.0)

    images = _images()
    batch = Batch(images, Level.clean(), torch.arange(3))
    loss = Reconstruction(edges=2.0, coarse=3.0, divergence=0.1)(grey, batch, Draws.of_step(0, 0))
    x = images.double().numpy()
    absolute = abs(x).mean((1, 2, 3))
    edges = sum(abs(d).mean((1, 2, 3)) for d in (x[..., 1:] - x[..., :-1], x[:, :, 1:] - x[:, :, :-1]))
    r, g, b = x.reshape(3, 3, 8, 4, 8, 4).mean((3, 5)).swapaxes(0, 1)
    colours = ((r + g + b) / 3, 3 * (g - (r + b) / 2), 1.5 * (r - b))
    coarse = sum((colour**2).mean((1, 2)) for colour in colours) / 3
    wanted = torch.from_numpy(absolute + 2 * edges + 3 * coarse + 0.5)
    torch.testing.assert_close(loss.per_sample.double(), wanted, rtol=1e-5, atol=1e-6)


def test_latents_are_half_as_large_and_scaled() -> None:
    vae, images = _vae(), _images()
    vae.register_to_config(scaling_factor=2.0)  # type: ignore[attr-defined]
    latents = encode(vae, images)
    assert latents.shape == (3, 4, 16, 16)
    torch.testing.assert_close(latents, 2 * encode(vae, images, scaled=False))
    again = decode(vae, latents)
    assert again.shape == images.shape
    assert errors(vae, images)["rmse"] == pytest.approx(torch.dist(again, images).item() / images.numel() ** 0.5)


def test_the_shares_of_colours_that_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of images with half of their green: nothing of red against blue is lost."""
    images = _images(6)
    half = images.clone()
    half[:, 1] = images[:, 1] / 2
    monkeypatch.setattr("sdxl.mini.autoencoder.decode", lambda vae, latents: half)
    monkeypatch.setattr("sdxl.mini.autoencoder.encode", lambda vae, images: images)
    kept = errors(None, images)
    r, g, b = images.double().reshape(6, 3, 8, 4, 8, 4).mean((3, 5)).swapaxes(0, 1)
    wanted = 1 - (g / 2).square().mean() / (g - (r + b) / 2).var(correction=0)
    assert kept["red"] == pytest.approx(1)
    assert kept["green"] == pytest.approx(float(wanted))
