"""What images are compared in: the feature extractors that attacks and evaluations share, named as what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from ambient.features import FeatureMap, Pixels
from ambient.pretrained import ClipScore, dinov2
from ambient.pretrained.clip import CLIP
from ambient.pretrained.dinov2 import DINOV2, Protocol
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
        found = dinov2(self.protocol, self.dinov2, online=download, device=device)
        if is_random(self.dinov2):
            found.name = f"random {found.name}"
        return found


def clip_score(source: str = CLIP, download: bool = False, device: torch.device | str = "cpu") -> ClipScore:
    """The CLIP score of a Hugging Face id or folder. Raises PretrainedError as `FeatureOptions.build`."""
    found = ClipScore(source, online=download, device=device)
    if is_random(source):
        found.name = f"random {found.name}"
    return found
