"""What samples are measured by: quality on several features, and how much they repeat the training set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ambient.metrics import memorization, quality
from ambient.metrics.convolutions import ConvolutionalClassifier, RandomConvolutions
from ambient.metrics.features import CentredPixels, ClassifierFeatures, FeatureMap, Pixels
from ambient.metrics.frechet import FeatureStatistics
from ambient.metrics.pretrained import Inception, clip, dinov2
from ambient.metrics.pretrained.dinov2 import Protocol
from ambient.metrics.similarity import P1_THRESHOLDS, P2_THRESHOLDS, summarise
from ambient.randomness import permutation
from toy.config import FeatureName, Options
from toy.data import Split, split_of

DEEP: tuple[FeatureName, ...] = ("dinov2-p2", "dinov2-p1", "clip")
"""Features whose similarities are reported."""
_MANIFOLD = 5000
"""Images that precision, recall, density and coverage look at: their time and memory grow with the square."""


def thresholds(name: str, data: str) -> tuple[float, ...]:
    """The similarities above which a sample counts: P2's for the data set on its features, else P1's."""
    return P2_THRESHOLDS.get(data, P1_THRESHOLDS) if name == "dinov2-p2" else P1_THRESHOLDS


@dataclass(eq=False)
class Audit:
    """Measures samples against one split.

    Attributes:
        split: What the models were trained on, and what they are compared with.
        features: What distances are measured in, by their names in the options.
        data: Name of the data set, which decides the thresholds.
        reference: Statistics of Inception features that take the place of the held-out images'.
    """

    split: Split
    features: dict[str, FeatureMap]
    data: str = "digits"
    reference: FeatureStatistics | None = None
    _known: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, options: Options, images: int, seed: int) -> Audit:
        """The audit of the models of one split; kept for the next call.

        Raises:
            PretrainedError: If a pretrained network cannot be had, or is not what it should be.
        """
        return _audit(options, images, seed)

    def __call__(self, samples: Tensor) -> dict[str, Any]:
        """Quality and memorisation of samples.

        Args:
            samples: Images, (M, C, H, W).

        Returns:
            `frechet_NAME` for each of the features; precision, recall, density and coverage on the last of pixels,
            classifier and random that there is; m13 and P_tr on pixels; S.9 and S.95 on centred pixels; on each of
            `DEEP` the mean similarity, its 95 % quantile and S_c, as `sim_NAME`, `sim95_NAME` and `sC_NAME`.
        """
        found: dict[str, Any] = {}
        for name, feature_map in self.features.items():
            vectors = feature_map(samples)
            found[f"frechet_{name}"] = FeatureStatistics.of(vectors, feature_map.name).frechet_distance(
                self._statistics(name)
            )
            if name in DEEP:
                found |= self._similarities(name, vectors)
        return found | self._manifold(samples) | self._copies(samples)

    def _copies(self, samples: Tensor) -> dict[str, float]:
        pixels, centred, train, held_out = Pixels(), CentredPixels(), self.split.train, self.split.held_out
        others = held_out[permutation(len(held_out), "subset", len(train))[: len(train)]]
        similarity = memorization.similarities(centred(samples), centred(train))
        found = {
            "m13": memorization.copies(pixels(samples), pixels(train)),
            "s90": memorization.share_above(similarity, 0.9),
            "s95": memorization.share_above(similarity, 0.95),
        }
        if len(others) == len(train):
            found["p_train"] = memorization.train_proximity(pixels(samples), pixels(train), pixels(others))
        return found

    def _manifold(self, samples: Tensor) -> dict[str, float]:
        name = [n for n in self.features if n in ("pixels", "classifier", "random")][-1:] or list(self.features)[:1]
        feature_map, few = self.features[name[0]], samples[:_MANIFOLD]
        real = self._get("manifold", name[0], lambda: feature_map(self.split.held_out[:_MANIFOLD]))
        found = quality.manifold_metrics(real, feature_map(few))
        return {key: getattr(found, key) for key in ("precision", "recall", "density", "coverage")}

    def _similarities(self, name: str, vectors: Tensor) -> dict[str, float]:
        train = self._get("train", name, lambda: self.features[name](self.split.train))
        found = summarise(memorization.similarities(vectors, train), thresholds(name, self.data))
        shares = {f"s{threshold:g}_{name}": share for threshold, share in found.shares.items()}
        return {f"sim_{name}": found.mean, f"sim95_{name}": found.quantile_95, **shares}

    def _statistics(self, name: str) -> FeatureStatistics:
        if name == "inception" and self.reference is not None:
            return self.reference
        parts = self.split.held_out.split(1000)
        return cast(
            FeatureStatistics,
            self._get("statistics", name, lambda: FeatureStatistics.of_images(parts, self.features[name])),
        )

    def _get(self, what: str, name: str, make: Callable[[], Any]) -> Any:
        if (what, name) not in self._known:
            self._known[what, name] = make()
        return self._known[what, name]


def titles(options: Options, metrics: dict[str, Any]) -> dict[str, str]:
    """What each metric that was measured is called."""
    named = {
        "frechet_pixels": "FD pixels",
        "frechet_classifier": "FD classifier",
        "frechet_random": "FD random",
        "frechet_inception": "FID" if options.fid_reference else "FID to held-out",
        "m13": "m13",
        "s90": "S.90",
        "s95": "S.95",
        "p_train": "P_tr",
        "precision": "precision",
        "recall": "recall",
        "density": "density",
        "coverage": "coverage",
        "seconds": "train s",
    }
    for name in DEEP:
        named |= {f"frechet_{name}": f"FD {name}", f"sim_{name}": f"Sim {name}", f"sim95_{name}": f"95% {name}"}
        named |= {f"s{c:g}_{name}": f"S{c:g} {name}".replace("S0", "S") for c in thresholds(name, options.data)}
    return {key: title for key, title in named.items() if key in metrics}


@cache
def _audit(options: Options, images: int, seed: int) -> Audit:
    split = split_of(options.sources, images, seed)
    features: dict[str, FeatureMap] = {name: _feature_map(name, options, split, seed) for name in options.feature_names}
    path = options.fid_reference if "inception" in features else None
    reference = None if path is None else FeatureStatistics.read_npz(path)
    return Audit(split, features, options.data, reference)


def _feature_map(name: FeatureName, options: Options, split: Split, seed: int) -> FeatureMap:
    if name == "pixels":
        return Pixels()
    if name == "classifier":
        return _classifier(options, split, seed)
    if name == "random":
        return RandomConvolutions(split.train.shape[1])
    if name == "inception":
        if options.inception is not None:
            return Inception.load(options.inception, device=options.device)
        return Inception.download(Path(torch.hub.get_dir()), device=options.device)
    if name == "clip":
        return clip(options.clip, online=options.online, device=options.device)
    protocol = cast(Protocol, name.removeprefix("dinov2-"))
    return dinov2(protocol, options.dinov2, online=options.online, device=options.device)


def _classifier(options: Options, split: Split, seed: int) -> FeatureMap:
    images, labels = split.classifier
    if labels is None:
        raise ValueError(f"--features classifier: {options.data} has no classes to train one on; choose random")
    if options.data == "digits":
        return ClassifierFeatures(images, labels)
    return ConvolutionalClassifier(images, labels, options.folder / "features" / f"classifier-seed{seed}.safetensors")


def reference_rows(options: Options, images: int, seed: int) -> dict[str, dict[str, Any]]:
    """The audit of sets that need no model: exact copies of the training set, and unseen real images."""
    audit = Audit.of(options, images, seed)
    split = audit.split
    repeats = -(-options.samples // len(split.train))
    rows = {"exact copies of the training set": split.train.repeat(repeats, 1, 1, 1)[: options.samples]}
    if len(split.unseen) > 10:
        rows["unseen real images"] = split.unseen[: options.samples]
    return {title: audit(images) for title, images in rows.items()}
