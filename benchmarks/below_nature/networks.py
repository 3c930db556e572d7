"""The network of the exact worlds: a small multilayer perceptron under EDM preconditioning."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from ambient.denoisers import EDMDenoiser


class MLP(nn.Module):
    """Three hidden layers on the sample and sines and cosines of c_noise.

    Args:
        dimension: d.
        width: Of the hidden layers.
        frequencies: Of the level's embedding; log-spaced from 1/4 to 8.
    """

    frequency: Tensor

    def __init__(self, dimension: int, width: int, frequencies: int = 8) -> None:
        super().__init__()
        self.register_buffer("frequency", torch.logspace(-2, 3, frequencies, base=2.0), persistent=False)
        sizes = [dimension + 2 * frequencies + 1, width, width, width]
        hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.SiLU())]
        self.layers = nn.Sequential(*hidden, nn.Linear(width, dimension))

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        """F(c_in y, c_noise), (B, d)."""
        phase = c_noise[:, None] * self.frequency
        level = torch.cat([c_noise[:, None], phase.sin(), phase.cos()], 1)
        out: Tensor = self.layers(torch.cat([x, level], 1))
        return out


def denoiser_of(dimension: int, sigma_data: float, seed: int) -> EDMDenoiser:
    """A fresh denoiser, its weights a function of the seed: 3 x 128 in 2 dimensions, 3 x 192 above."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MLP(dimension, 128 if dimension == 2 else 192)
        linear = [layer for layer in network.layers if isinstance(layer, nn.Linear)]
        for layer in linear:
            # SiLU halves the variance and more: with PyTorch's default the signal dies on its way through.
            nn.init.normal_(layer.weight, std=1.5 / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(linear[-1].weight)
    return EDMDenoiser(network, sigma_data)
