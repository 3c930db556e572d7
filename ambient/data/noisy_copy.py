"""The fixed noisy copy S_tn of a data set (P2 Algorithm 1, line 1; P1's given data).

Each image has exactly one noisy version, x_n = alpha_n x_0 + sigma_n Z_i, whose noise Z_i is a function of
(seed, sample index): the same on every process, in every epoch, after every resume and in any order. It is applied to
the final image, after resizing, flipping or any other augmentation has been decided, since an augmentation drawn
afterwards would show the network several noisy versions of one image.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ambient.process import Level
from ambient.randomness import IndexedNoise


def nature_noise(seed: int, indices: Sequence[int] | Tensor, shape: tuple[int, ...]) -> Tensor:
    """The noise Z_i of the samples `indices`, (len(indices), *shape) float32 standard normal on the CPU."""
    return IndexedNoise(seed, [int(i) for i in indices], shape, purpose="nature")()


def noisy_copy(x_0: Tensor, nature: Level, seed: int, indices: Sequence[int] | Tensor) -> Tensor:
    """The noisy version of each clean sample.

    Args:
        x_0: Clean samples in their final form, (N, *).
        nature: The level t_n, () or (N,).
        seed: Seed of the copy; another seed is another data set.
        indices: The samples' indices in the whole data set, (N,): what decides their noise.

    Returns:
        X_n, (N, *), in the dtype and on the device of `x_0`.

    Raises:
        ValueError: If there is not one index for each sample.
    """
    if len(indices) != len(x_0):
        raise ValueError(f"{len(x_0)} samples need {len(x_0)} indices, got {len(indices)}")
    return nature.perturb(x_0, nature_noise(seed, indices, tuple(x_0.shape[1:])).to(x_0))
