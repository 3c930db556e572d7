"""What distances are measured in: pixels, small networks trained here, and pretrained ones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch

from ambient.metrics.convolutions import ConvolutionalClassifier, RandomConvolutions
from ambient.metrics.features import ClassifierFeatures, FeatureMap, Pixels
from ambient.metrics.pretrained import Inception, Pretrained, clip, dinov2
from ambient.metrics.pretrained.dinov2 import Protocol
from ambient.runs.files import is_whole
from toy.data import Split
from toy.names import FeatureName
from toy.options import MeasuringOptions

DEEP: tuple[FeatureName, ...] = ("dinov2-p2", "dinov2-p1", "clip")
"""Features whose similarities are reported."""

FeatureMaps = Mapping[FeatureName, FeatureMap]


def load_pretrained(
    names: Sequence[FeatureName], measuring: MeasuringOptions, *, download: bool, device: str
) -> FeatureMaps:
    """The pretrained networks among `names`, which serve every split.

    Args:
        names: Features.
        measuring: Where the networks are.
        download: Whether they may be downloaded.
        device: Where they run.

    Raises:
        PretrainedError: If one cannot be had, or is not what it should be.
    """
    found: dict[FeatureName, FeatureMap] = {}
    for name in names:
        if name == "inception":
            found[name] = (
                Inception.download(Path(torch.hub.get_dir()), device=device)
                if measuring.inception is None
                else Inception.load(measuring.inception, device=device)
            )
        elif name == "clip":
            found[name] = clip(Pretrained(measuring.clip, download, device))
        elif name in ("dinov2-p2", "dinov2-p1"):
            protocol = cast(Protocol, name.removeprefix("dinov2-"))
            found[name] = dinov2(protocol, Pretrained(measuring.dinov2, download, device))
    return found


def feature_maps(
    names: Sequence[FeatureName], pretrained: FeatureMaps, split: Split, classifier: Path | None
) -> FeatureMaps:
    """All features of one split, in the order of `names`.

    Args:
        names: Which.
        pretrained: Those of `load_pretrained`.
        split: What the small networks are trained on.
        classifier: Where a convolutional classifier is kept; None trains the one for digits, which takes a second.

    Raises:
        ValueError: If a classifier is asked for and the images have no classes.
    """
    found: dict[FeatureName, FeatureMap] = {}
    for name in names:
        if name == "pixels":
            found[name] = Pixels()
        elif name == "random":
            found[name] = RandomConvolutions(split.train.shape[1])
        elif name == "classifier":
            found[name] = _classifier(split, classifier)
        else:
            found[name] = pretrained[name]
    return found


def _classifier(split: Split, path: Path | None) -> FeatureMap:
    images, labels = split.classifier
    if labels is None:
        raise ValueError("--features classifier: these images have no classes to train one on; choose random")
    if path is None:
        return ClassifierFeatures(images, labels)
    if path.exists() and not is_whole(path):
        warnings.warn(f"{path} is damaged; the classifier is trained again", stacklevel=2)
        path.unlink()
    return ConvolutionalClassifier(images, labels, path)
