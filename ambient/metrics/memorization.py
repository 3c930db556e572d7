r"""How much a set of samples repeats its training set.

- l2-ratio rule (Yoon et al. 2023): a sample is a copy if d_1 / d_2 < 1/3, with d_1 and d_2 its distances to the nearest
  and second nearest training image. m13 is the share of copies. Residual noise in a sample hides copies from it, so it
  is read beside the next two.
- Similarity (Somepalli et al. 2022): the largest cosine similarity to a training image, on unit features; S_c is the
  share of samples above c.
- Proximity: P_tr, the share of samples nearer to the training set than to an equally large held-out set. 1/2 for a
  model that generalises perfectly, 1 for one that copies.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ambient.metrics.features import unit


def nearest(queries: Tensor, keys: Tensor, k: int = 1, chunk: int = 4096) -> tuple[Tensor, Tensor]:
    """Euclidean distances to, and rows of, the k nearest keys, both (Q, k), nearest first.

    Exact: candidates come from chunked matrix products, and the distances of those kept are formed from differences,
    since |a|^2 + |b|^2 - 2ab loses a small distance between large vectors.

    Args:
        queries: (Q, D).
        keys: (K, D), K >= k.
        k: How many.
        chunk: Queries at a time.

    Raises:
        ValueError: If there are fewer than k keys.
    """
    if len(keys) < k:
        raise ValueError(f"{k} nearest neighbours need at least {k} points to look among, got {len(keys)}")
    spare = min(len(keys), k + 4)
    norms = keys.square().sum(1)
    distances, rows = [], []
    for part in queries.split(chunk):
        candidates = (norms - 2 * part @ keys.T).topk(spare, largest=False).indices
        exact = (part[:, None] - keys[candidates]).square().sum(2).sqrt()
        best = exact.topk(k, largest=False)
        distances.append(best.values)
        rows.append(candidates.gather(1, best.indices))
    return torch.cat(distances), torch.cat(rows)


def copies(samples: Tensor, training: Tensor, ratio: float = 1 / 3) -> float:
    """Share of samples with d_1 / d_2 < ratio: m13 at the default ratio.

    Args:
        samples: Features, (N, D).
        training: Features of at least two training images, (M, D).
        ratio: In (0, 1].
    """
    distance, _ = nearest(samples.double(), training.double(), k=2)
    return float((distance[:, 0] < ratio * distance[:, 1]).double().mean())


def similarities(samples: Tensor, training: Tensor) -> Tensor:
    """Largest cosine similarity of each sample to a training image, (N,), in [-1, 1]."""
    distance, _ = nearest(unit(samples.double()), unit(training.double()))
    return 1 - distance[:, 0].square() / 2


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
        ValueError: If the two sets differ in size, which alone would move the share.
    """
    if len(training) != len(held_out):
        raise ValueError(f"the sets differ in size ({len(training)} and {len(held_out)}); P_tr needs equal sets")
    d_train = nearest(samples.double(), training.double())[0][:, 0]
    d_other = nearest(samples.double(), held_out.double())[0][:, 0]
    return float(((d_train < d_other).double() + 0.5 * (d_train == d_other).double()).mean())
