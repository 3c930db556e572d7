r"""Mean and covariance of features, gathered batch by batch, and the Fréchet distance between two such statistics.

For two sets with n_a, n_b samples, means m_a, m_b and scatters S = sum (x - m)(x - m)^T (Chan, Golub and LeVeque 1979),

    n = n_a + n_b,   m = m_a + (n_b / n) d,   S = S_a + S_b + (n_a n_b / n) d d^T,   d = m_b - m_a,

which loses nothing where the mean is large, unlike sums of x x^T. The covariance is S / (n - 1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ambient.metrics.features import FeatureMap, check_finite
from ambient.metrics.quality import gaussian_frechet_distance
from ambient.runs.damage import reading
from ambient.runs.files import load_tensors, save_tensors

INCEPTION = "Inception 2015-12-05"


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """First two moments of a set of feature vectors.

    Attributes:
        count: Number of samples.
        mean: (D,) float64.
        scatter: Sum of the outer products of the deviations from the mean, (D, D) float64.
        features: Name of the features; statistics of different features do not mix.
    """

    count: int
    mean: Tensor
    scatter: Tensor
    features: str

    @classmethod
    def of(cls, vectors: Tensor, features: str) -> FeatureStatistics:
        """The statistics of feature vectors, (N, D), N >= 1.

        Raises:
            ValueError: If they are not such vectors, or not all finite.
        """
        if vectors.ndim != 2 or not len(vectors):
            raise ValueError(f"feature vectors must have the shape (N, D) with N >= 1, got {tuple(vectors.shape)}")
        check_finite(vectors, f"{features} features")
        vectors = vectors.double()
        mean = vectors.mean(0)
        deviations = vectors - mean
        return cls(len(vectors), mean, deviations.T @ deviations, features)

    @classmethod
    def of_images(cls, batches: Iterable[Tensor], feature_map: FeatureMap) -> FeatureStatistics:
        """The statistics of images that come in batches of (B, C, H, W), in [-1, 1]; only one batch is in memory.

        Raises:
            ValueError: If there are no batches.
        """
        total: FeatureStatistics | None = None
        for batch in batches:
            part = cls.of(feature_map(batch), feature_map.name)
            total = part if total is None else total.merge(part)
        if total is None:
            raise ValueError(f"there are no images to take {feature_map.name} features of")
        return total

    @classmethod
    def read_npz(cls, path: Path, count: int = 50_000, features: str = INCEPTION) -> FeatureStatistics:
        """Reference statistics in EDM's form, arrays `mu` and `sigma`, of `count` images.

        Raises:
            ValueError: If the file is not one.
        """
        try:
            with reading(path), np.load(path, allow_pickle=False) as arrays:
                mean, covariance = (torch.from_numpy(arrays[name].astype(np.float64)) for name in ("mu", "sigma"))
        except (OSError, RuntimeError) as error:  # of zipfile: encrypted, or compressed in a way it does not know
            raise ValueError(f"{path} is not an .npz file of mu and sigma: {error}") from error
        return cls(count, mean, covariance * (count - 1), features)

    @classmethod
    def load(cls, path: Path) -> FeatureStatistics:
        """Read what `save` wrote.

        Raises:
            ValueError: If the file is not one.
        """
        try:
            tensors, facts = load_tensors(path, "mean", "scatter")
            return cls(int(facts["count"]), tensors["mean"], tensors["scatter"], facts["features"])
        except (OSError, KeyError, ValueError) as error:
            raise ValueError(f"{path} does not hold feature statistics: {error}; make them again") from error

    def save(self, path: Path) -> None:
        """Write the statistics as one safetensors file, atomically."""
        facts = {"count": str(self.count), "features": self.features}
        save_tensors(path, {"mean": self.mean, "scatter": self.scatter}, facts)

    @property
    def covariance(self) -> Tensor:
        """The unbiased covariance, (D, D) float64.

        Raises:
            ValueError: If there are fewer than two samples.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least two samples, got {self.count}")
        return self.scatter / (self.count - 1)

    def merge(self, other: FeatureStatistics) -> FeatureStatistics:
        """The statistics of both sets together.

        Raises:
            ValueError: If their features differ.
        """
        self._check_same_features(other)
        count = self.count + other.count
        difference = other.mean - self.mean
        mean = self.mean + difference * (other.count / count)
        between = torch.outer(difference, difference) * (self.count * other.count / count)
        return FeatureStatistics(count, mean, self.scatter + other.scatter + between, self.features)

    def frechet_distance(self, other: FeatureStatistics) -> float:
        """Squared Fréchet distance of the Gaussians fitted to the two sets, called what `distance_name` says.

        Raises:
            ValueError: If their features differ, or one has fewer than two samples.
        """
        self._check_same_features(other)
        return gaussian_frechet_distance(self.mean, self.covariance, other.mean, other.covariance)

    def _check_same_features(self, other: FeatureStatistics) -> None:
        if (self.features, self.mean.shape) != (other.features, other.mean.shape):
            mine, others = (f"{len(s.mean)} {s.features} features" for s in (self, other))
            raise ValueError(f"statistics of different features do not go together: {mine} and {others}")


def distance_name(features: str) -> str:
    """What a Fréchet distance on these features may be called: FID on Inception's, nowhere else."""
    return "FID" if features == INCEPTION else f"Fréchet distance on {features}"
