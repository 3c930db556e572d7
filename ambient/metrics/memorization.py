r"""How much a set of samples repeats its training set.

- l2-ratio rule (Yoon et al. 2023): a sample is a copy if d_1 / d_2 < 1/3, with d_1 and d_2 its distances to the nearest
  and second nearest training image. m13 is the share of copies. A duplicate of the nearest image would make d_1 = d_2
  and hide every copy of it, so d_2 is the distance to the nearest image that differs from the nearest one. Residual
  noise in a sample hides copies too, so m13 is read beside the next two.
- Similarity (Somepalli et al. 2022): the largest cosine similarity to a training image, on unit features; S_c is the
  share of samples above c.
- Proximity: P_tr, the share of samples nearer to the training set than to an equally large held-out set. 1/2 for a
  model that generalises perfectly, 1 for one that copies.

`copied`, `nearer` and `cosine` are these rules for one sample, given its distances. `copies`, `train_proximity` and
`similarities` find the distances too; an audit (`ambient.audit`) finds its own once for all measures.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from ambient.metrics.distances import nearest
from ambient.metrics.features import check_finite, unit

RATIO = 1 / 3
"""Of m13's rule."""


def copied(distances: Tensor, ratio: float = RATIO) -> Tensor:
    """The l2-ratio rule d_1 < ratio d_2, (N,) bool.

    Args:
        distances: To the nearest and to the second nearest distinct training image, (N, 2).
        ratio: In (0, 1].
    """
    return distances[:, 0] < ratio * distances[:, 1]


def nearer(to_training: Tensor, to_held_out: Tensor) -> Tensor:
    """Whether samples are nearer to the training than to the held-out set, from distances (N,); 1/2 for a tie."""
    return (to_training < to_held_out).double() + 0.5 * (to_training == to_held_out).double()


def cosine(chords: Tensor) -> Tensor:
    """The cosine of the angle between unit vectors, from their distance: 1 - |a - b|^2 / 2; of any shape."""
    return 1 - chords.square() / 2


def copies(samples: Tensor, training: Tensor, ratio: float = RATIO) -> float:
    """Share of samples with d_1 / d_2 < ratio: m13 at the default ratio.

    Args:
        samples: Features, (N, D).
        training: Features of at least two different training images, (M, D). Features that agree to the rounding of
            their precision are those of one image.
        ratio: In (0, 1].

    Raises:
        ValueError: If a row is not finite, or all training images are one.
    """
    check_finite(samples, "samples")
    check_finite(training, "training images")
    rounding = 64 * torch.finfo(training.dtype).eps
    samples, training = samples.double(), training.double()
    found = torch.zeros(len(samples), dtype=torch.bool, device=samples.device)
    open_ = torch.arange(len(samples), device=samples.device)  # samples whose second image is not found yet
    k = 2
    while len(open_):
        distance, row = nearest(samples[open_], training, k=min(k, len(training)))
        first = training[row[:, :1]]
        apart = (training[row] - first).norm(dim=2) > rounding * first.norm(dim=2)
        second = torch.where(apart, distance, torch.inf).min(1).values
        found[open_] = copied(torch.stack((distance[:, 0], second), 1), ratio)
        open_ = open_[second.isinf()]
        if len(open_) and k >= len(training):
            raise ValueError(f"the {len(training)} training images are one and the same: there is no second to compare")
        k *= 4
    return float(found.double().mean())


def count_duplicates(images: Tensor) -> int:
    """How many rows of `images`, (N, ...), equal an earlier one in every number: for reports on training sets.

    Rows are compared by their bytes, so duplicates are those that are exactly the same (0 and -0 included).
    """
    rows = (images.flatten(1) + 0).cpu().contiguous().numpy()
    return len(rows) - len({hashlib.sha256(row.tobytes()).digest() for row in rows})


def similarities(samples: Tensor, training: Tensor) -> Tensor:
    """Largest cosine similarity of each sample to a training image, (N,), in [-1, 1].

    Raises:
        ValueError: If a row is not finite.
    """
    check_finite(samples, "samples")
    check_finite(training, "training images")
    distance, _ = nearest(unit(samples.double()), unit(training.double()))
    return cosine(distance[:, 0])


def share_above(similarity: Tensor, threshold: float) -> float:
    """Share of samples whose similarity lies above a threshold: S_c."""
    return float((similarity > threshold).double().mean())


def train_proximity(samples: Tensor, training: Tensor, held_out: Tensor) -> float:
    """P_tr: share of samples nearer to the training set than to a held-out set of the same size; ties count half.

    Args:
        samples: Features, (N, D).
        training: (M, D).
        held_out: (M, D).

    Raises:
        ValueError: If the two sets differ in size, which alone would move the share, or a row is not finite.
    """
    check_finite(samples, "samples")
    check_finite(training, "training images")
    check_finite(held_out, "held-out images")
    if len(training) != len(held_out):
        raise ValueError(f"the sets differ in size ({len(training)} and {len(held_out)}); P_tr needs equal sets")
    d_train = nearest(samples.double(), training.double())[0][:, 0]
    d_other = nearest(samples.double(), held_out.double())[0][:, 0]
    return float(nearer(d_train, d_other).mean())
