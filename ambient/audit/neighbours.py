"""Nearest neighbours in a space of features: what every measure of memorisation here is computed from.

Training images are the distinct ones: of images that are equal byte for byte only the first is kept, so that the second
nearest is another image. Distances are Euclidean. Features are taken relative to their mean over the training set,
which changes no distance and keeps those of large vectors exact.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ambient.metrics.distances import nearest
from ambient.metrics.features import CentredPixels, FeatureMap, Pixels, unit
from ambient.metrics.memorization import cosine, nearer
from ambient.randomness import permutation

_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Distances of images to the training set, and how like its images they are.

    Attributes:
        distances: To the nearest and the second nearest distinct training image, (N, 2).
        rows: The nearest one, (N,).
        similarities: The largest cosine similarity to a training image, (N,), in [-1, 1].
    """

    distances: Tensor
    rows: Tensor
    similarities: Tensor


@dataclass(frozen=True, eq=False)
class Space:
    """Features of the samples, the distinct training images and the held-out images, and their distances.

    Attributes:
        name: What the features are.
        samples: (N, D).
        training: (n, D).
        held_out: (m, D), or None.
        from_samples: Neighbours of the samples.
        from_held_out: Neighbours of the held-out images, or None.
        from_training: Distance of each training image to the nearest other, (n,).
    """

    name: str
    samples: Tensor
    training: Tensor
    held_out: Tensor | None
    from_samples: Neighbours
    from_held_out: Neighbours | None
    from_training: Tensor

    @classmethod
    def of(cls, features: FeatureMap, samples: Tensor, training: Tensor, held_out: Tensor | None) -> Space:
        """The space of images (N, C, H, W), (n, C, H, W), n >= 2, and (m, C, H, W) or None, in [-1, 1].

        Similarities are cosines of the features; on pixels, of pixels less each image's mean: Pearson correlations.

        Raises:
            ValueError: If features of an image are not finite.
        """
        vectors = _finite(features, training)
        centre = vectors.mean(0)
        known = _Known(vectors - centre, unit(_directions(features, training, vectors)))

        def of(images: Tensor) -> tuple[Tensor, Neighbours]:
            found = _finite(features, images)
            return found - centre, known.neighbours(found - centre, unit(_directions(features, images, found)))

        ours, from_samples = of(samples)
        theirs, from_held_out = (None, None) if held_out is None else of(held_out)
        alone = nearest(known.vectors, known.vectors, 2, _CHUNK)[0][:, 1]
        return cls(features.name, ours, known.vectors, theirs, from_samples, from_held_out, alone)

    def proximity(self, seed: int = 0) -> tuple[Tensor, int] | None:
        """Which samples are nearer to the training than to the held-out images, (N,), 1/2 for a tie; and of how many.

        The larger set is cut, by chance, to the size of the smaller. None without held-out images.
        """
        if self.held_out is None:
            return None
        size = min(len(self.training), len(self.held_out))
        rivals = [self.training, self.held_out]
        near, far = (
            nearest(self.samples, x[permutation(len(x), "subset", seed)[:size]], 1, _CHUNK)[0][:, 0] for x in rivals
        )
        return nearer(near, far), size


@dataclass(frozen=True, eq=False)
class _Known:
    """What neighbours are looked for among: vectors (n, D) for distances, unit vectors (n, D') for similarities."""

    vectors: Tensor
    directions: Tensor

    def neighbours(self, vectors: Tensor, directions: Tensor) -> Neighbours:
        distances, rows = nearest(vectors, self.vectors, 2, _CHUNK)
        chords, _ = nearest(directions, self.directions, 1, _CHUNK)
        return Neighbours(distances, rows[:, 0], cosine(chords[:, 0]))


def _directions(features: FeatureMap, images: Tensor, vectors: Tensor) -> Tensor:
    """What cosines are taken of: on pixels, pixels less each image's mean."""
    return CentredPixels()(images) if features.name == Pixels().name else vectors


def _finite(features: FeatureMap, images: Tensor) -> Tensor:
    vectors = features(images).float()
    if bad := int((~vectors.isfinite()).any(1).sum()):
        raise ValueError(f"{features.name}: the features of {bad} of {len(images)} images are not finite")
    return vectors
