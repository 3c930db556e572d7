"""Forward-mode derivatives against reverse mode."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ambient.jacobian import jacobian, jvp
from ambient.process import VE, Level, per_sample


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 7), nn.SiLU(), nn.Linear(7, 3)).double()


def test_against_reverse_mode() -> None:
    net = network()
    level = VE().level(torch.tensor([0.1, 0.5, 2.0, 3.0], dtype=torch.float64))

    def denoiser(x: Tensor, level: Level, shift: Tensor) -> Tensor:
        return net(x * per_sample(level.sigma, x)) + shift

    x, v = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    shift = torch.arange(4.0, dtype=torch.float64)[:, None]
    h, slope = jacobian(denoiser, x, level, {"shift": shift})
    _, product = jvp(denoiser, x, level, v, {"shift": shift})
    torch.testing.assert_close(h, denoiser(x, level, shift))
    for i in range(4):
        exact = torch.autograd.functional.jacobian(lambda y, i=i: net(y * level.sigma[i]), x[i])
        torch.testing.assert_close(slope[i], exact, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(product[i], exact @ v[i], rtol=1e-12, atol=1e-14)


def test_parameters_get_a_gradient_through_the_product() -> None:
    net, x = network(), torch.ones(1, 3, dtype=torch.float64)
    _, slope = jvp(lambda y, level: net(y), x, VE().level(1.0), torch.eye(3, dtype=torch.float64)[:1])
    found = torch.autograd.grad(slope.sum(), net[0].weight)[0]
    exact = torch.autograd.functional.jacobian(net, x[0], create_graph=True)[:, 0].sum()
    torch.testing.assert_close(found, torch.autograd.grad(exact, net[0].weight)[0], rtol=1e-12, atol=1e-14)


def test_images_are_refused() -> None:
    with pytest.raises(ValueError, match="flat samples"):
        jacobian(lambda x, level: x, torch.zeros(2, 1, 4, 4), VE().level(1.0))
