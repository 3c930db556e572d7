"""Networks for EDM preconditioning, called as network(x, c_noise, label=..., augment=...) -> x, from 2 cores to GPUs.

`small` is a convolutional U-Net of our own, fast where images have few pixels; the others are diffusers'
`UNet2DModel`. `unet-58m` has the shape of EDM's DDPM++ for CIFAR-10 (Karras et al. 2022, table 7): 256 channels at
each of three resolutions, four blocks, attention at half resolution, dropout .13 (EDM's own has 56 M parameters).

Class labels and the labels of a non-leaking augmentation enter as a vector added to the embedding of the noise level;
both start at zero, and no augmentation label means that the image was not augmented.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, get_args

import torch
from diffusers import UNet2DModel
from torch import Tensor, nn
from torch.nn import functional

from ambient.models.names import NetworkName
from ambient.objectives.wrappers.augmented import AUGMENT_LABELS


class SmallUNet(nn.Module):
    """A two-level convolutional U-Net for images of a few pixels a side: 80 thousand parameters as it stands.

    One residual block a level, no attention, a zero-initialised output, so that the preconditioned denoiser starts as
    c_skip x.

    Args:
        image_channels: Channels of the images.
        channels: Channels at full and at half resolution, multiples of 8.
        embedding: Features of the noise level.
        patch: Side of the square patches of pixels that enter as channels: a network for images `patch` times as large
            at the same cost.
        dropout: Share of the features dropped in each residual block.
        classes: Number of classes; 0 for none.
        augmented: Whether it is told of augmentations.

    Shapes:
        x (B, image_channels, H, W) with H and W multiples of 2 patch, c_noise (B,), label (B,) int64,
        augment (B, 3) -> (B, image_channels, H, W).
    """

    def __init__(
        self,
        image_channels: int = 1,
        channels: tuple[int, int] = (16, 32),
        embedding: int = 64,
        patch: int = 1,
        dropout: float = 0.0,
        classes: int = 0,
        augmented: bool = False,
    ) -> None:
        super().__init__()
        full, half = channels
        pixels = image_channels * patch**2
        self.patch = patch
        frequencies = torch.exp(torch.linspace(math.log(0.5), math.log(16.0), embedding // 2, dtype=torch.float32))
        self.frequencies = nn.Buffer(frequencies, persistent=False)
        self.embed = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.enter = nn.Conv2d(pixels, full, 3, padding=1)
        self.down_block = _Block(full, full, embedding, dropout)
        self.down = nn.Conv2d(full, half, 3, stride=2, padding=1)
        self.middle = nn.ModuleList([_Block(half, half, embedding, dropout), _Block(half, half, embedding, dropout)])
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(half, full, 3, padding=1))
        self.up_block = _Block(2 * full, full, embedding, dropout)
        output = nn.Conv2d(full, pixels, 3, padding=1)
        nn.init.zeros_(output.weight)
        nn.init.zeros_(output.bias)  # type: ignore[arg-type]
        self.leave = nn.Sequential(nn.GroupNorm(8, full), nn.SiLU(), output)
        self.given = _Given(embedding, classes, augmented)

    def forward(self, x: Tensor, c_noise: Tensor, label: Tensor | None = None, augment: Tensor | None = None) -> Tensor:
        angles = c_noise[:, None] * self.frequencies
        level = self.embed(torch.cat([angles.cos(), angles.sin()], 1))
        level = level + self.given(level, label, augment)
        skip = self.down_block(self.enter(functional.pixel_unshuffle(x, self.patch)), level)
        y = self.down(skip)
        for block in self.middle:
            y = block(y, level)
        y = self.leave(self.up_block(torch.cat([self.up(y), skip], 1), level))
        return functional.pixel_shuffle(y, self.patch)


class DiffusersUNet(nn.Module):
    """diffusers' U-Net, told the class and the augmentation through its embedding of the noise level.

    Args:
        side: Side of the images.
        image_channels: Their channels.
        channels: Channels at each resolution, the first at that of the image; multiples of 32.
        blocks: Residual blocks a resolution.
        attention: Which resolutions have attention, by position in `channels`.
        dropout: Share of the features dropped in each residual block.
        classes: Number of classes; 0 for none.
        augmented: Whether it is told of augmentations.
    """

    def __init__(
        self,
        side: int,
        image_channels: int,
        channels: tuple[int, ...],
        blocks: int,
        attention: tuple[int, ...] = (),
        dropout: float = 0.0,
        classes: int = 0,
        augmented: bool = False,
    ) -> None:
        super().__init__()
        down = tuple("AttnDownBlock2D" if i in attention else "DownBlock2D" for i in range(len(channels)))
        up = tuple(name.replace("Down", "Up") for name in reversed(down))
        embedding = 2 * channels[0]
        unet: Any = UNet2DModel(
            sample_size=side,
            in_channels=image_channels,
            out_channels=image_channels,
            block_out_channels=channels,
            layers_per_block=blocks,
            down_block_types=down,
            up_block_types=up,
            dropout=dropout,
            attention_head_dim=None,
            time_embedding_dim=embedding,
            resnet_time_scale_shift="scale_shift",
            class_embed_type="identity",
        )
        nn.init.zeros_(unet.conv_out.weight)
        nn.init.zeros_(unet.conv_out.bias)
        self.unet: nn.Module = unet
        self.given = _Given(embedding, classes, augmented)

    def forward(self, x: Tensor, c_noise: Tensor, label: Tensor | None = None, augment: Tensor | None = None) -> Tensor:
        out: Tensor = self.unet(x, c_noise, class_labels=self.given(x, label, augment)).sample
        return out


class MaskedInput(nn.Module):
    """A network that is told which pixels it sees: network([x, mask], c_noise), with x 0 where the mask is.

    Args:
        network: Takes one more channel than the images have, and returns as many.
        image_channels: Channels of the images.
    """

    def __init__(self, network: nn.Module, image_channels: int) -> None:
        super().__init__()
        self.network = network
        self.image_channels = image_channels

    def forward(self, x: Tensor, c_noise: Tensor, mask: Tensor, **condition: Any) -> Tensor:
        both = torch.cat([x, mask.to(x).expand(len(x), 1, *x.shape[2:])], 1)
        out: Tensor = self.network(both, c_noise, **condition)
        return out[:, : self.image_channels]


@dataclass(frozen=True)
class Preset:
    """The shape of a diffusers U-Net.

    Attributes:
        channels, blocks, attention, dropout: As in `DiffusersUNet`.
    """

    channels: tuple[int, ...]
    blocks: int
    attention: tuple[int, ...] = ()
    dropout: float = 0.0


PRESETS: dict[NetworkName, Preset] = {
    "unet-1m": Preset((32, 64), 2),
    "unet-14m": Preset((96, 192, 192), 2, (1,)),
    "unet-58m": Preset((256, 256, 256), 4, (1,), 0.13),
}
"""By name, which is the number of parameters; `build` gives it exactly."""


def build(
    name: NetworkName,
    side: int,
    image_channels: int,
    *,
    dropout: float | None = None,
    classes: int = 0,
    augmented: bool = False,
) -> nn.Module:
    """The network of a preset, for square images.

    Args:
        name: The preset.
        side: Side of the images.
        image_channels: Their channels.
        dropout: In place of the preset's own.
        classes: Number of classes; 0 for none.
        augmented: Whether it is told of augmentations.

    Raises:
        ValueError: If there is no such preset, or it cannot halve images of this side often enough.
    """
    if name == "small":
        patch = max(1, side // 8)
        _divides(side, 2 * patch, name)
        channels = (16, 32) if patch == 1 else (48, 96)
        return SmallUNet(
            image_channels, channels, patch=patch, dropout=dropout or 0.0, classes=classes, augmented=augmented
        )
    if name not in PRESETS:
        raise ValueError(f"there is no network {name!r}; choose among {', '.join(get_args(NetworkName))}")
    preset = PRESETS[name]
    _divides(side, 2 ** (len(preset.channels) - 1), name)
    drop = preset.dropout if dropout is None else dropout
    return DiffusersUNet(
        side, image_channels, preset.channels, preset.blocks, preset.attention, drop, classes, augmented
    )


def parameters(network: nn.Module) -> int:
    """Number of parameters."""
    return sum(p.numel() for p in network.parameters())


def _divides(side: int, multiple: int, name: str) -> None:
    if side % multiple:
        raise ValueError(f"the network {name} needs images whose side is a multiple of {multiple}, not {side}")


class _Given(nn.Module):
    """What the network is told of an image: its class and its augmentation, as a vector that starts at zero."""

    def __init__(self, embedding: int, classes: int, augmented: bool) -> None:
        super().__init__()
        self.width = embedding
        self.classes = nn.Embedding(classes, embedding) if classes else None
        self.augment = nn.Linear(AUGMENT_LABELS, embedding, bias=False) if augmented else None
        for layer in (self.classes, self.augment):
            if layer is not None:
                nn.init.zeros_(layer.weight)

    def forward(self, like: Tensor, label: Tensor | None, augment: Tensor | None) -> Tensor:
        vector = like.new_zeros(like.shape[0], self.width)
        if self.augment is not None and augment is not None:
            vector = vector + self.augment(augment.to(vector))
        if self.classes is not None and label is not None:
            vector = vector + self.classes(label)
        return vector


class _Block(nn.Module):
    """A residual block whose second normalisation is shifted and scaled by the noise level."""

    def __init__(self, inputs: int, outputs: int, embedding: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.norm = nn.GroupNorm(8, outputs)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Sequential(nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        scale, shift = self.modulation(level)[:, :, None, None].chunk(2, dim=1)
        modulated = self.norm(self.first(x)) * (1 + scale) + shift
        out: Tensor = self.shortcut(x) + self.second(self.dropout(modulated))
        return out
