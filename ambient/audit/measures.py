r"""What is known of memorisation, in the field's own measures, each with its interval.

With d_1(x) <= d_2(x) the distances of x to its nearest and second nearest distinct training image:

- S > c: the share of samples with similarity above c to a training image (Somepalli et al. 2022).
- m13: the share with d_1 / d_2 < 1/3 (Yoon et al. 2023); this and the next by the rules of `metrics.memorization`.
- P_tr: the share nearer to the training set than to an equally large held-out set.
- AuthPct (Alaa et al. 2022): the share of authentic samples, those with d_1(x) > the distance of that nearest training
  image to the nearest other.
- C_T (Meehan et al. 2020): are samples nearer to the training set than held-out images are? In each cell of a k-means
  partition of the training set, Z is the Mann-Whitney statistic U, the number of pairs of a sample and a held-out image
  of which the sample lies farther, standardised; C_T is the mean of Z, weighted by the cells' training images. Below 0:
  data copying. Above 0: samples farther off than unseen images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from ambient.audit.intervals import Interval, bootstrap, share
from ambient.audit.neighbours import Neighbours, Space
from ambient.metrics.memorization import copied

CELLS = 5
"""Cells of C_T's partition."""
_FEWEST = 20
"""A cell with fewer samples or fewer held-out images than this is left out of C_T."""


@dataclass(frozen=True)
class Measure:
    """A measure of the samples.

    Attributes:
        key: Its name in files and explanations.
        title: Its name in tables.
        value: The samples'.
        unseen: That of the held-out images, for comparison; None where there are none, or it has no meaning.
        detail: What it was computed on, in a few words.
        percent: Whether it is a share, shown in percent.
    """

    key: str
    title: str
    value: Interval
    unseen: float | None
    detail: str = ""
    percent: bool = True


def measure(
    space: Space, clusters: Tensor, thresholds: Sequence[float], confidence: float = 0.95, seed: int = 0
) -> list[Measure]:
    """Every measure that there are images for.

    Args:
        space: Features and distances.
        clusters: Which samples are duplicates of each other, (N,) integers.
        thresholds: Each c of S > c.
        confidence: Of the intervals.
        seed: Of the subsets, the cells and the bootstrap.
    """
    found, unseen = space.from_samples, space.from_held_out

    def of_shares(key: str, title: str, values: Tensor, others: Tensor | None, detail: str = "") -> Measure:
        other = None if others is None else float(others.double().mean())
        return Measure(key, title, share(values, clusters, confidence), other, detail)

    measures = [
        of_shares(
            "similarity",
            f"S > {c:g}",
            found.similarities > c,
            None if unseen is None else unseen.similarities > c,
            "correlation of pixels" if space.name == "pixels" else f"cosine of {space.name}",
        )
        for c in thresholds
    ]
    measures.append(
        of_shares("m13", "m13", copied(found.distances), None if unseen is None else copied(unseen.distances))
    )
    if (proximity := space.proximity(seed)) is not None:
        values, size = proximity
        measures.append(of_shares("p_train", "P_tr", values, None, f"{size} images against {size}"))
    ours = authentic(found.distances, found.rows, space.from_training)
    others = None if unseen is None else authentic(unseen.distances, unseen.rows, space.from_training)
    measures.append(of_shares("authentic", "AuthPct", ours, others))
    if space.held_out is not None and unseen is not None:
        measures += _copying(space, space.held_out, unseen, clusters, confidence, seed)
    return measures


def authentic(distances: Tensor, rows: Tensor, training: Tensor) -> Tensor:
    """Whether each sample is farther from its nearest training image than that is from the others, (N,) bool.

    Args:
        distances: To the nearest training image, first column of (N, 2).
        rows: Which that is, (N,).
        training: Distance of each training image to the nearest other, (n,).
    """
    return distances[:, 0] > training[rows]


def data_copying(
    samples: np.ndarray, held_out: np.ndarray, sample_cells: np.ndarray, held_out_cells: np.ndarray, weights: np.ndarray
) -> float:
    """C_T of the distances of samples (N,) and held-out images (m,) to the training set.

    Args:
        samples: Distances.
        held_out: Distances.
        sample_cells: Cell of each sample, (N,).
        held_out_cells: Cell of each held-out image, (m,).
        weights: The share of the training images in each cell, (cells,).

    Returns:
        C_T, and nan if no cell holds `_FEWEST` of both.
    """
    total = norm = 0.0
    for cell, weight in enumerate(weights):
        ours, theirs = samples[sample_cells == cell], held_out[held_out_cells == cell]
        if min(len(ours), len(theirs)) >= _FEWEST:
            total += weight * _standardised(ours, theirs)
            norm += weight
    return total / norm if norm else float("nan")


def _standardised(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Mann-Whitney's U of `ours` lying above `theirs`, ties counting half, less its mean, over its deviation."""
    n, m = len(ours), len(theirs)
    u = rankdata(np.concatenate([ours, theirs]))[:n].sum() - n * (n + 1) / 2
    return float((u - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))


def _copying(
    space: Space, held_out: Tensor, unseen: Neighbours, clusters: Tensor, confidence: float, seed: int
) -> list[Measure]:
    """C_T, if there are images enough for a cell."""
    fewest = min(len(space.samples), len(space.training), len(held_out))
    cells = max(1, min(CELLS, fewest // (2 * _FEWEST)))
    partition = MiniBatchKMeans(cells, n_init=1, random_state=seed).fit(space.training.numpy())
    ours, theirs = (partition.predict(x.numpy()) for x in (space.samples, held_out))
    weights = np.bincount(partition.predict(space.training.numpy()), minlength=cells) / len(space.training)
    near, far = (x.distances[:, 0].numpy() for x in (space.from_samples, unseen))
    value = data_copying(near, far, ours, theirs, weights)
    if np.isnan(value):
        return []

    number = len(near)
    together = torch.cat((clusters, clusters.max() + 1 + torch.arange(len(far))))

    def statistic(rows: Tensor) -> float:
        s, h = rows[rows < number].numpy(), rows[rows >= number].numpy() - number
        return data_copying(near[s], far[h], ours[s], theirs[h], weights)

    low, high = bootstrap(statistic, together, confidence, seed=seed)
    used = sum(1 for i in range(cells) if min((ours == i).sum(), (theirs == i).sum()) >= _FEWEST)
    return [Measure("c_t", "C_T", Interval(value, low, high), None, f"{used} of {cells} cells", percent=False)]
