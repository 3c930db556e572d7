r"""Two estimators of the level of white Gaussian noise that are known well, image by image.

`wavelet` is scikit-image's (Donoho and Johnstone 1995): the median absolute deviation of the finest diagonal wavelet
coefficients, divided by 0.6745. Detail raises it.

`patch_eigenvalue` is that of Chen, Zhu and Heng ("An efficient statistical method for image noise level estimation",
ICCV 2015): clean patches lie near a subspace, so the smallest eigenvalues of the patches' covariance are all sigma^2,
up to sampling, and sampling scatters them evenly about it. Of the eigenvalues, the largest are left out one by one
until the mean of the rest lies at their median; that mean is sigma^2. Detail in every direction raises it, few patches
lower it.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

SMALLEST_SIDE = 6
"""Below this side, an image has too few wavelet coefficients or patches for either."""
_AT_ONCE = 8_000_000
"""Numbers of patches held at once."""


def wavelet(images: Tensor) -> Tensor:
    """scikit-image's `estimate_sigma` of each image, the mean of its channels'.

    Args:
        images: (N, C, H, W).

    Returns:
        (N,) float64; nan for images all of whose coefficients are zero.
    """
    from skimage.restoration import estimate_sigma

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice", category=RuntimeWarning)
        found = [estimate_sigma(np.asarray(image), channel_axis=0, average_sigmas=True) for image in images.double()]
    return torch.tensor(found, dtype=torch.float64)


def patch_eigenvalue(images: Tensor, side: int | None = None) -> Tensor:
    """Chen, Zhu and Heng's estimate of each image.

    Args:
        images: (N, C, H, W).
        side: Side of the patches; by default the largest with up to 64 numbers in a patch and at least sixteen patches
            for each of them, or 2.

    Returns:
        (N,) float64.

    Raises:
        ValueError: If the images are smaller than a patch.
    """
    _, channels, height, width = images.shape
    if side is None:
        numbers = {p: channels * p * p for p in range(2, 9)}
        side = max(
            (p for p, d in numbers.items() if d <= 64 and (height - p + 1) * (width - p + 1) >= 16 * d), default=2
        )
    if min(height, width) < side:
        raise ValueError(f"images of {width}x{height} pixels are smaller than patches of {side}x{side}")
    few = max(1, _AT_ONCE // (channels * side**2 * height * width))
    return torch.cat([_eigenvalue_of_each(part, side) for part in torch.split(images, few)])


def _eigenvalue_of_each(images: Tensor, side: int) -> Tensor:
    windows = images.double().unfold(2, side, 1).unfold(3, side, 1)
    patches = windows.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)  # (N, n, d)
    patches = patches - patches.mean(1, keepdim=True)
    covariance = patches.mT @ patches / (patches.shape[1] - 1)
    return smallest_alike(torch.linalg.eigvalsh(covariance)).clamp_min(0).sqrt()


def smallest_alike(eigenvalues: Tensor) -> Tensor:
    """The mean of the smallest eigenvalues, of as many as have their mean at or below their median.

    Args:
        eigenvalues: (N, d), growing along each row.

    Returns:
        (N,)
    """
    d = eigenvalues.shape[1]
    numbers = torch.arange(1, d + 1)
    means = eigenvalues.cumsum(1) / numbers
    lower, upper = (numbers - 1) // 2, numbers // 2
    medians = (eigenvalues[:, lower] + eigenvalues[:, upper]) / 2
    alike = means <= medians * (1 + 1e-9)  # always true of the smallest alone
    last = d - 1 - alike.flip(1).int().argmax(1)
    return means.gather(1, last[:, None])[:, 0]
