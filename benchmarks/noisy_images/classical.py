r"""Restorations that learn nothing: a Gaussian filter, BM3D and non-local means, and how errors are measured.

    RMSE = (mean |x - x_0|^2)^(1/2) over pixels and images in [-1, 1],    PSNR = 20 log10(2 / RMSE),

of x clipped to [-1, 1]. PSNR is that of the mean error of a set, not the mean of the images' PSNR.
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.restoration import denoise_nl_means
from torch import Tensor

WIDTHS = tuple(round(0.05 * k, 2) for k in range(4, 80))
"""Of the Gaussian filter, in pixels."""
NLM = {"patch_size": 5, "patch_distance": 6}
"""Of non-local means: scikit-image's own example for such images; h = 0.6 sigma, as it advises for `fast_mode`."""


def rmse(restored: Tensor, clean: Tensor) -> float:
    """Root mean square error of images clipped to [-1, 1]."""
    return float((restored.clamp(-1, 1).double() - clean.double()).square().mean().sqrt())


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB for images in [-1, 1]."""
    return 20 * math.log10(2 / error)


def best_gaussian(noisy: Tensor, clean: Tensor) -> tuple[Tensor, float]:
    """The Gaussian filter whose width is best for these very images, and that width."""
    filtered = ((smoothed(noisy, width), width) for width in WIDTHS)
    return min(filtered, key=lambda found: rmse(found[0], clean))


def smoothed(noisy: Tensor, width: float) -> Tensor:
    """Images through a Gaussian filter of a width in pixels, mirrored at the edges."""
    return torch.from_numpy(gaussian_filter(noisy.numpy(), (0, 0, width, width)))


def non_local_means(noisy: Tensor, sigma: float) -> Tensor:
    """scikit-image's non-local means with `NLM`, h = 0.6 sigma and the true sigma."""

    def one(image: np.ndarray) -> np.ndarray:
        out: np.ndarray = denoise_nl_means(image, h=0.6 * sigma, sigma=sigma, fast_mode=True, channel_axis=-1, **NLM)
        return out.reshape(image.shape)

    return _each(noisy, one)


def has_bm3d() -> bool:
    """Whether the package `bm3d` is installed."""
    return importlib.util.find_spec("bm3d") is not None


def bm3d(noisy: Tensor, sigma: float) -> Tensor:
    """BM3D of PyPI's `bm3d`, its default profile, with the true sigma, on images scaled to [0, 1].

    The exact variances are taken of 16x16 in place of 32x32 values: the same error within 0.5 %, four times as fast.
    """
    module: Any = importlib.import_module("bm3d")
    profile = module.BM3DProfile()
    profile.nf, profile.num_threads = 16, 1

    def one(image: np.ndarray) -> np.ndarray:
        unit = (image.astype(np.float64) + 1) / 2
        if unit.shape[2] == 1:
            found = module.bm3d(unit[..., 0], sigma / 2, profile)[..., None]
        else:
            found = module.bm3d_rgb(unit, sigma / 2, profile)
        return np.asarray(found * 2 - 1, dtype=np.float32)

    return _each(noisy, one)


def restorations(noisy: Tensor, clean: Tensor, sigma: float) -> dict[str, tuple[Tensor, float]]:
    """All of them by name, each with its processor seconds; without BM3D where it is not installed."""
    found = {"noisy": (noisy, 0.0)}
    methods: dict[str, Callable[[], Tensor]] = {
        "Gaussian": lambda: best_gaussian(noisy, clean)[0],
        "NLM": lambda: non_local_means(noisy, sigma),
        "BM3D": lambda: bm3d(noisy, sigma),
    }
    for name, method in methods.items():
        if name != "BM3D" or has_bm3d():
            start = time.process_time()
            restored = method()
            found[name] = restored, time.process_time() - start
    return found


def _each(images: Tensor, one: Callable[[np.ndarray], np.ndarray]) -> Tensor:
    """Image by image, (C, H, W) as (H, W, C)."""
    done = [one(np.ascontiguousarray(image.permute(1, 2, 0).numpy())) for image in images]
    return torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2)
