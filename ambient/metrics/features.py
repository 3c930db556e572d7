"""Features of images: what distances and similarities are measured in.

A feature map takes images (B, C, H, W) to vectors (B, D). A distance on some features carries their name: a Fréchet
distance is called FID only on Inception's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class FeatureMap(Protocol):
    """Images (B, C, H, W) to feature vectors (B, D)."""

    @property
    def name(self) -> str:
        """What the features are, for tables."""

    def __call__(self, images: Tensor) -> Tensor:
        """Feature vectors, (B, D)."""


@dataclass(frozen=True)
class Pixels:
    """The pixels themselves."""

    name: str = "pixels"

    def __call__(self, images: Tensor) -> Tensor:
        return images.flatten(1)


@dataclass(frozen=True)
class CentredPixels:
    """Pixels less each image's own mean, so that cosine similarity is Pearson correlation."""

    name: str = "centred pixels"

    def __call__(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        return flat - flat.mean(1, keepdim=True)


class ClassifierFeatures:
    """The last hidden layer of a small classifier, trained on images that nothing else uses.

    Args:
        images: Training images, (N, C, H, W).
        labels: Their classes, (N,).
        hidden: Sizes of the hidden layers; the last is the number of features.
        seed: Seed of the classifier.
    """

    name = "classifier"

    def __init__(self, images: Tensor, labels: Tensor, hidden: tuple[int, ...] = (128, 32), seed: int = 0) -> None:
        from sklearn.neural_network import MLPClassifier  # which other features need not wait for

        self.network = MLPClassifier(hidden, alpha=1.0, learning_rate_init=3e-3, max_iter=1000, random_state=seed)
        self.network.fit(_rows(images), labels.numpy())

    def __call__(self, images: Tensor) -> Tensor:
        values = _rows(images)
        for weights, bias in zip(self.network.coefs_[:-1], self.network.intercepts_[:-1], strict=True):
            values = np.maximum(values @ weights + bias, 0)
        return torch.from_numpy(values)

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Share of images classified correctly."""
        return float(self.network.score(_rows(images), labels.numpy()))


def unit(features: Tensor) -> Tensor:
    """Feature vectors scaled to length 1, (B, D); a zero vector stays zero."""
    return torch.nn.functional.normalize(features, dim=1)


def check_finite(features: Tensor, name: str) -> None:
    """Raises ValueError if a row of `features`, (N, ...), is not finite, saying how many and the first of them."""
    wrong = (~features.flatten(1).isfinite().all(1)).nonzero()[:, 0]
    if len(wrong):
        first = ", ".join(str(int(row)) for row in wrong[:5])
        more = ", ..." if len(wrong) > 5 else ""
        raise ValueError(
            f"{len(wrong)} of {len(features)} {name} are not finite (NaN or infinite): rows {first}{more}; find out "
            "where they come from, since leaving them out would flatter every measure"
        )


def _rows(images: Tensor) -> np.ndarray:
    return images.flatten(1).double().cpu().numpy()
