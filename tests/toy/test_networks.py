from __future__ import annotations

import torch

from ambient.denoisers import EDMDenoiser
from ambient.process import VE
from toy.networks import SmallUNet


def test_an_untrained_denoiser_is_its_skip_connection() -> None:
    denoiser = EDMDenoiser(SmallUNet(), sigma_data=0.5)
    x, sigma = torch.randn(3, 1, 8, 8), torch.tensor([0.1, 0.5, 4.0])
    skip = 0.25 / (0.25 + sigma**2)
    assert torch.allclose(denoiser(x, VE().level(sigma)), skip[:, None, None, None] * x, atol=1e-6)


def test_the_level_and_every_parameter_matter() -> None:
    torch.manual_seed(0)
    network = SmallUNet(image_channels=3)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x = torch.randn(2, 3, 8, 8)
    low, high = network(x, torch.full((2,), -1.0)), network(x, torch.full((2,), 1.0))
    assert float((low - high).detach().abs().mean()) > 1e-3
    (low + high).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters())


def test_its_size_is_as_documented() -> None:
    assert round(sum(p.numel() for p in SmallUNet().parameters()), -4) == 80_000
