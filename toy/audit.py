"""What samples are measured by: quality on several features, and how much they repeat the training set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from ambient.metrics import memorization, quality
from ambient.metrics.features import CentredPixels, Pixels
from ambient.metrics.frechet import FeatureStatistics
from ambient.metrics.similarity import P1_THRESHOLDS, P2_THRESHOLDS, summarise
from ambient.randomness import permutation
from toy.data import Split
from toy.features import DEEP, FeatureMaps
from toy.names import DataName, FeatureName

_MANIFOLD = 5000
"""Images that precision, recall, density and coverage look at: their time and memory grow with the square."""
FEWEST_UNSEEN = 11
"""An audit of fewer unseen images would say nothing."""


def thresholds(name: FeatureName, data: DataName) -> tuple[float, ...]:
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
    features: FeatureMaps
    data: DataName = "digits"
    reference: FeatureStatistics | None = None
    _known: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

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
        small = [name for name in self.features if name in ("pixels", "classifier", "random")]
        name = small[-1] if small else next(iter(self.features))
        feature_map, few = self.features[name], samples[:_MANIFOLD]
        real = self._get("manifold", name, lambda: feature_map(self.split.held_out[:_MANIFOLD]))
        found = quality.manifold_metrics(real, feature_map(few))
        return {key: getattr(found, key) for key in ("precision", "recall", "density", "coverage")}

    def _similarities(self, name: FeatureName, vectors: Tensor) -> dict[str, float]:
        train = self._get("train", name, lambda: self.features[name](self.split.train))
        found = summarise(memorization.similarities(vectors, train), thresholds(name, self.data))
        shares = {f"s{threshold:g}_{name}": share for threshold, share in found.shares.items()}
        return {f"sim_{name}": found.mean, f"sim95_{name}": found.quantile_95, **shares}

    def _statistics(self, name: FeatureName) -> FeatureStatistics:
        if name == "inception" and self.reference is not None:
            return self.reference
        parts = torch.split(self.split.held_out, 1000)
        return cast(
            FeatureStatistics,
            self._get("statistics", name, lambda: FeatureStatistics.of_images(parts, self.features[name])),
        )

    def _get(self, what: str, name: FeatureName, make: Callable[[], Any]) -> Any:
        if (what, name) not in self._known:
            self._known[what, name] = make()
        return self._known[what, name]


def titles(metrics: Mapping[str, Any], data: DataName, published: bool) -> dict[str, str]:
    """What each metric that was measured is called.

    Args:
        metrics: Those of a model.
        data: Its data set.
        published: Whether Inception's distance is to published statistics.
    """
    named = {
        "frechet_pixels": "FD pixels",
        "frechet_classifier": "FD classifier",
        "frechet_random": "FD random",
        "frechet_inception": "FID" if published else "FID to held-out",
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
        named |= {f"s{c:g}_{name}": f"S{c:g} {name}".replace("S0", "S") for c in thresholds(name, data)}
    return {key: title for key, title in named.items() if key in metrics}


def reference_rows(audit: Audit, samples: int) -> dict[str, dict[str, Any]]:
    """The audit of sets that need no model: exact copies of the training set, and unseen real images.

    Args:
        audit: Of a split.
        samples: Images that each model generates: so many are audited, or as many as there are.
    """
    split = audit.split
    repeats = -(-samples // len(split.train))
    rows = {"exact copies of the training set": split.train.repeat(repeats, 1, 1, 1)[:samples]}
    if len(split.unseen) >= FEWEST_UNSEEN:
        rows["unseen real images"] = split.unseen[:samples]
    return {title: audit(images) for title, images in rows.items()}
