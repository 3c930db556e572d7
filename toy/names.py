"""What the command line may name, and what is known of it without importing anything heavy."""

from __future__ import annotations

from typing import Literal

DataName = Literal["digits", "cifar10", "tiny-imagenet", "ffhq", "images"]
MethodName = Literal[
    "dsm",
    "hybrid",
    "ambient",
    "masking",
    "weight",
    "redrawn",
    "dropout",
    "held-out",
    "early-stop",
    "paper",
    "ambient+consistency",
]
FeatureName = Literal["pixels", "classifier", "random", "inception", "dinov2-p2", "dinov2-p1", "clip"]
Precision = Literal["no", "bf16"]
Sigma = float | Literal["auto"]
"""A nature level, or the collapse level of the training images."""

LABELLED: tuple[DataName, ...] = ("digits", "cifar10", "tiny-imagenet")
"""Data sets whose images always come with classes."""
DIGITS_TO_TRAIN_ON = 400
"""Of scikit-learn's 1,797 digits, in each split."""
