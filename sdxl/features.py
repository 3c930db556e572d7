"""What images are compared in: the feature extractors that attacks and evaluations share, named as what they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ambient.metrics.features import FeatureMap, Pixels
from ambient.metrics.pretrained import ClipScore, Inception, Pretrained, dinov2
from sdxl.fingerprints import source_digest
from sdxl.options import CLIP, FeatureOptions
from sdxl.tiny.random import is_random


def similarity_features(
    options: FeatureOptions, download: bool = False, device: torch.device | str = "cpu"
) -> FeatureMap:
    """The features that similarities are measured on. Raises PretrainedError if the network cannot be had."""
    if options.features == "pixels":
        return Pixels()
    features = dinov2(options.protocol, Pretrained(options.dinov2, download, device))
    if is_random(options.dinov2):
        features.name = f"random {features.name}"
    return features


def similarity_facts(options: FeatureOptions) -> dict[str, str]:
    """What identifies the features, wherever their network's folder is."""
    if options.features == "pixels":
        return {"features": "pixels"}
    return {"features": "dinov2", "protocol": options.protocol, "network": source_digest(options.dinov2)}


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
    """The CLIP score of a Hugging Face id or folder. Raises PretrainedError as `similarity_features`."""
    score = ClipScore(Pretrained(source, download, device))
    if is_random(source):
        score.name = f"random {score.name}"
    return score
