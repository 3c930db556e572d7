r"""DINOv2 features (Oquab et al. 2023): the normalised class token, compared by cosine similarity.

Three protocols prepare images in [0, 1]:

- "p2", as P2's released code: reflected at the borders to a multiple of 14 (CIFAR-10: 32 to 42), not normalised.
- "p1", as P1's released code: resized to 224 by bilinear interpolation without antialiasing, not normalised.
- "standard", as DINOv2 was trained: resized to 224 (bicubic, antialiased), normalised by ImageNet's mean and deviation.

Both papers use the authors' torch.hub network, ViT-g/14. Its position embeddings, a 37 x 37 grid, are interpolated to
an h x w grid of patches with the scale (h + 0.1) / 37, where transformers uses h / 37; on CIFAR-10's 3 x 3 patches the
points differ by up to one cell of that grid. Here the authors' scale is used, so that the features are theirs.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ambient.metrics.pretrained.checked import Pretrained
from ambient.metrics.pretrained.vision import VisionFeatures, normalised, resized

DINOV2 = "facebook/dinov2-giant"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_WIDTHS = {384: "ViT-S", 768: "ViT-B", 1024: "ViT-L", 1536: "ViT-g"}
Protocol = Literal["p2", "p1", "standard"]


def dinov2(protocol: Protocol, network: Pretrained) -> VisionFeatures:
    """DINOv2's features under one of the protocols; the name says which, and which size of network.

    Args:
        protocol: How images are prepared.
        network: `DINOV2`, or a smaller one. The papers' similarities are those of ViT-g/14 only.

    Raises:
        PretrainedError: If the network cannot be had, or is not a DINOv2.
    """
    loaded = network.load("Dinov2Model")
    patch, width = loaded.config.patch_size, loaded.config.hidden_size
    loaded.embeddings.interpolate_pos_encoding = partial(_positions, loaded.embeddings)
    name = f"DINOv2 {_WIDTHS.get(width, f'width {width}')}/{patch} ({protocol})"
    prepare = partial(_prepared, protocol, patch)
    return VisionFeatures(name, loaded, prepare, "pooler_output", network.device, network.batch)


def reflected(images: Tensor, patch: int) -> Tensor:
    """Images (B, C, H, W) reflected at their borders until H and W are multiples of `patch`; an odd pixel goes last.

    Raises:
        ValueError: If they are too small to be reflected.
    """
    height, width = images.shape[-2:]
    rows, columns = -height % patch, -width % patch
    if rows - rows // 2 >= height or columns - columns // 2 >= width:
        raise ValueError(f"{height}x{width} images are too small to be reflected to a multiple of {patch}")
    borders = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    return pad(images, borders, mode="reflect")


def _prepared(protocol: Protocol, patch: int, images: Tensor) -> Tensor:
    if protocol == "p2":
        return reflected(images, patch)
    if protocol == "p1":
        return resized(images, 16 * patch, "bilinear", antialias=False)
    return normalised(resized(images, 16 * patch, "bicubic", antialias=True), IMAGENET_MEAN, IMAGENET_STD)


def _positions(embeddings: Any, tokens: Tensor, height: int, width: int) -> Tensor:
    """Position embeddings of the class token and h x w patches, (1, 1 + h w, D), as the authors interpolate them."""
    table: Tensor = embeddings.position_embeddings
    side = round((table.shape[1] - 1) ** 0.5)
    rows, columns = (n // embeddings.config.patch_size for n in (height, width))
    if rows == columns == side:
        return table
    grid = table[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    scale = ((rows + 0.1) / side, (columns + 0.1) / side)
    grid = interpolate(grid, scale_factor=scale, mode="bicubic")
    return torch.cat((table[:, :1], grid.flatten(2).mT.to(table.dtype)), dim=1)
