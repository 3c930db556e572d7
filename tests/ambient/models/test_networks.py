from __future__ import annotations

import pytest
import torch
from torch import nn

from ambient.denoisers import EDMDenoiser
from ambient.models.networks import PRESETS, MaskedInput, SmallUNet, build, parameters
from ambient.process import VE


def test_an_untrained_denoiser_is_its_skip_connection() -> None:
    x, sigma = torch.randn(3, 3, 16, 16), torch.tensor([0.1, 0.5, 4.0])
    skip = 0.25 / (0.25 + sigma**2)
    for name in ("small", "unet-1m"):
        denoiser = EDMDenoiser(build(name, 16, 3), sigma_data=0.5).eval()
        assert torch.allclose(denoiser(x, VE().level(sigma)), skip[:, None, None, None] * x, atol=1e-6), name


def randomised(network: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    return network.eval()


@pytest.mark.parametrize("name", ["small", "unet-1m"])
def test_level_class_augmentation_and_every_parameter_matter(name: str) -> None:
    network = randomised(build(name, 16, 3, classes=4, augmented=True))
    x = torch.randn(2, 3, 16, 16)
    label, augment = torch.tensor([1, 1]), torch.tensor([[1.0, 0.0, 1.0]] * 2)
    base = network(x, torch.full((2,), -1.0), label=label, augment=augment)
    others = [
        network(x, torch.full((2,), 1.0), label=label, augment=augment),
        network(x, torch.full((2,), -1.0), label=label + 1, augment=augment),
        network(x, torch.full((2,), -1.0), label=label, augment=1 - augment),
    ]
    for other in others:
        assert float((base - other).detach().abs().mean()) > 1e-3
    (base + others[1]).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters())


def test_no_label_of_augmentation_means_none() -> None:
    network = randomised(build("small", 8, 1, augmented=True))
    x, level = torch.randn(2, 1, 8, 8), torch.zeros(2)
    assert torch.equal(network(x, level), network(x, level, augment=torch.zeros(2, 3)))


def test_their_sizes_are_as_named() -> None:
    assert round(parameters(SmallUNet()), -4) == 80_000
    assert parameters(build("small", 8, 1)) == parameters(SmallUNet())
    with torch.device("meta"):
        for name in PRESETS:
            millions = parameters(build(name, 32, 3)) / 1e6
            assert f"{millions:.0f}" == name.removeprefix("unet-").removesuffix("m")


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    x, level = torch.randn(2, 3, 16, 16), torch.zeros(2)
    for name in ("small", "unet-1m"):
        network = randomised(build(name, 16, 3, dropout=0.5))
        assert torch.equal(network(x, level), network(x, level))
        network.train()
        assert not torch.equal(network(x, level), network(x, level))
        plain = randomised(build(name, 16, 3)).train()
        assert torch.equal(plain(x, level), plain(x, level))


def test_a_masked_network_is_told_which_pixels_it_sees() -> None:
    network = MaskedInput(randomised(build("small", 8, 4)), 3)
    mask = (torch.rand(2, 1, 8, 8) > 0.5).float()
    x, level = mask * torch.randn(2, 3, 8, 8), torch.zeros(2)
    out = network(x, level, mask=mask)
    assert out.shape == x.shape
    assert not torch.equal(network(x, level, mask=torch.ones(2, 1, 8, 8)), out)


def test_sides_and_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="unet-14m needs images whose side is a multiple of 4, not 18"):
        build("unet-14m", 18, 3)
    with pytest.raises(ValueError, match="small needs images whose side is a multiple of 2, not 9"):
        build("small", 9, 3)
    with pytest.raises(ValueError, match="no network 'gan'"):
        build("gan", 8, 1)
