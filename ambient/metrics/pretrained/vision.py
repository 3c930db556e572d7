"""A vision transformer as a feature map: images prepared by a protocol, features taken from one of its outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ambient.data.images.pixels import to_uint8


class VisionFeatures:
    """Images (B, C, H, W) in [-1, 1], C = 1 or 3, to features (B, D), float32 on the CPU.

    Args:
        name: What the features are, for tables.
        network: The network.
        prepare: Images (B, 3, H, W) in [0, 1] as the network wants them.
        output: Name of the network's output that holds the features.
        device: Where it runs.
        batch: Images at a time.
    """

    def __init__(
        self,
        name: str,
        network: Any,
        prepare: Callable[[Tensor], Tensor],
        output: str,
        device: torch.device | str = "cpu",
        batch: int = 64,
    ) -> None:
        self.name = name
        self._network = network.to(device)
        self._prepare = prepare
        self._output = output
        self._device = device
        self._batch = batch

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        parts = []
        for part in torch.split(to_uint8(images), self._batch):  # as saved images are read: in steps of 1/255
            colour = part.expand(-1, 3, -1, -1).to(self._device).float() / 255
            features = getattr(self._network(self._prepare(colour)), self._output)
            parts.append(features.float().cpu())
        return torch.cat(parts)


def resized(images: Tensor, side: int, mode: str, antialias: bool) -> Tensor:
    """Square images, (B, C, H, H), at another resolution, (B, C, side, side).

    Raises:
        ValueError: If they are not square.
    """
    if images.shape[-1] != images.shape[-2]:
        height, width = images.shape[-2:]
        raise ValueError(f"images must be square to be resized, got {height}x{width}; set a resolution when reading")
    return interpolate(images, size=(side, side), mode=mode, antialias=antialias, align_corners=False)


def normalised(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """(images - mean) / std for each channel."""
    shape = (1, 3, 1, 1)
    return (images - images.new_tensor(mean).view(shape)) / images.new_tensor(std).view(shape)
