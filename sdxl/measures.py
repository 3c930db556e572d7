"""What images are compared in: the feature extractors that attacks and evaluations share, named as what they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ambient.metrics.features import FeatureMap, Pixels
from ambient.metrics.pretrained import ClipScore, Inception, Pretrained, dinov2
from ambient.metrics.pretrained.clip import CLIP
from ambient.metrics.pretrained.dinov2 import DINOV2, Protocol
from sdxl.tiny_vision import is_random


@dataclass(frozen=True)
class FeatureOptions:
    """Features of images."""

    features: Literal["dinov2", "pixels"] = "dinov2"
    """Where similarities are measured; the papers' thresholds are for DINOv2 ViT-g/14 only."""
    dinov2: str = DINOV2
    """Hugging Face id or folder of a DINOv2."""
    protocol: Protocol = "p1"
    """How images are prepared for it: p1, p2 (the papers' code) or standard."""

    def build(self, download: bool, device: torch.device | str = "cpu") -> FeatureMap:
        """The feature map. Raises PretrainedError if the network cannot be had, naming it."""
        if self.features == "pixels":
            return Pixels()
        found = dinov2(self.protocol, Pretrained(self.dinov2, download, device))
        if is_random(self.dinov2):
            found.name = f"random {found.name}"
        return found


@dataclass(frozen=True)
class SmallPixels:
    """The pixels of images reduced to 8x8 by averaging: few enough for a Fréchet distance."""

    name: str = "pixels at 8x8"

    def __call__(self, images: Tensor) -> Tensor:
        return adaptive_avg_pool2d(images, 8).flatten(1)


def quality_features(similarity: FeatureMap, inception: Path | None, device: torch.device | str = "cpu") -> FeatureMap:
    """What Fréchet distances are measured on: Inception, if there is its TorchScript file, else a named surrogate.

    Args:
        similarity: The features of similarities, which are the surrogate; of pixels it is a reduced version.
        inception: The file.
        device: Where it runs.

    Raises:
        PretrainedError: If the file is missing, or another.
    """
    if inception is not None:
        return Inception.load(inception, device=device)
    return SmallPixels() if isinstance(similarity, Pixels) else similarity


def clip_score(source: str = CLIP, download: bool = False, device: torch.device | str = "cpu") -> ClipScore:
    """The CLIP score of a Hugging Face id or folder. Raises PretrainedError as `FeatureOptions.build`."""
    found = ClipScore(Pretrained(source, download, device))
    if is_random(source):
        found.name = f"random {found.name}"
    return found
