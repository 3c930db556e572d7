"""Small networks for EDM preconditioning, called as network(x, c_noise) -> x."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class SmallUNet(nn.Module):
    """A two-level convolutional U-Net for images of a few pixels a side: 80 thousand parameters as it stands.

    One residual block a level, no attention, a zero-initialised output, so that the preconditioned denoiser starts as
    c_skip x.

    Args:
        image_channels: Channels of the images.
        channels: Channels at full and at half resolution, multiples of 8.
        embedding: Features of the noise level.

    Shapes:
        x (B, image_channels, H, W) with even H and W, c_noise (B,) -> (B, image_channels, H, W).
    """

    def __init__(self, image_channels: int = 1, channels: tuple[int, int] = (16, 32), embedding: int = 64) -> None:
        super().__init__()
        full, half = channels
        frequencies = torch.exp(torch.linspace(math.log(0.5), math.log(16.0), embedding // 2))
        self.frequencies = nn.Buffer(frequencies, persistent=False)
        self.embed = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.enter = nn.Conv2d(image_channels, full, 3, padding=1)
        self.down_block = _Block(full, full, embedding)
        self.down = nn.Conv2d(full, half, 3, stride=2, padding=1)
        self.middle = nn.ModuleList([_Block(half, half, embedding), _Block(half, half, embedding)])
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(half, full, 3, padding=1))
        self.up_block = _Block(2 * full, full, embedding)
        output = nn.Conv2d(full, image_channels, 3, padding=1)
        nn.init.zeros_(output.weight)
        nn.init.zeros_(output.bias)  # type: ignore[arg-type]
        self.leave = nn.Sequential(nn.GroupNorm(8, full), nn.SiLU(), output)

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        angles = c_noise[:, None] * self.frequencies
        level = self.embed(torch.cat([angles.cos(), angles.sin()], 1))
        skip = self.down_block(self.enter(x), level)
        y = self.down(skip)
        for block in self.middle:
            y = block(y, level)
        return self.leave(self.up_block(torch.cat([self.up(y), skip], 1), level))


class _Block(nn.Module):
    """A residual block whose second normalisation is shifted and scaled by the noise level."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.norm = nn.GroupNorm(8, outputs)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.second = nn.Sequential(nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        scale, shift = self.modulation(level)[:, :, None, None].chunk(2, dim=1)
        return self.shortcut(x) + self.second(self.norm(self.first(x)) * (1 + scale) + shift)
