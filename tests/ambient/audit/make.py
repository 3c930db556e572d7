"""Samples with copies planted among them, and where their images come from."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor

from ambient.data.images import ImageOptions, load_images, to_uint8, to_unit

CIFAR = Path(__file__).parents[4] / "shared" / "data" / "cifar10" / "cifar-10-batches-py"


def cifar() -> tuple[Tensor, Tensor]:
    """Training and test images of CIFAR-10; skips where they are missing."""
    if not CIFAR.exists():
        pytest.skip(f"needs CIFAR-10 in {CIFAR}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the subset lacks some of the archive's keys
        return load_images(CIFAR).images, load_images(CIFAR, ImageOptions(split="test")).images


def digits() -> Tensor:
    """scikit-learn's digits, shuffled, (1797, 1, 8, 8)."""
    images = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]


def jpeg(images: Tensor, quality: int) -> Tensor:
    """Images through JPEG files."""
    found = []
    for image in to_uint8(images).permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, "JPEG", quality=quality)
        found.append(np.array(Image.open(file)).reshape(image.shape))
    return to_unit(torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2))


def windows(images: Tensor, seed: int = 0) -> Tensor:
    """Crops of 88 to 97 % of the side, resized by Pillow."""
    source, found = np.random.default_rng(seed), []
    for image in to_uint8(images).permute(0, 2, 3, 1).numpy():
        side = len(image)
        part = source.integers(round(0.88 * side), side)
        top, left = source.integers(0, side - part + 1, 2)
        box = (left, top, left + part, top + part)
        shown = Image.fromarray(image.squeeze()).resize((side, side), Image.Resampling.BICUBIC, box=box)
        found.append(np.array(shown).reshape(image.shape))
    return to_unit(torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2))


def copies_of(images: Tensor, kind: str) -> Tensor:
    """Copies of one kind, or of all kinds in turn."""
    if kind == "mixed":
        parts = zip(("exact", "noisy", "mirrored", "cropped"), images.chunk(4), strict=False)
        return torch.cat([copies_of(part, kind) for kind, part in parts])
    if kind == "noisy":
        return jpeg(images, 80)
    if kind == "mirrored":
        return jpeg(images.flip(3), 95)
    return windows(images) if kind == "cropped" else images


def planted(training: Tensor, others: Tensor, share: float, kind: str) -> Tensor:
    """`others`, a share of which is replaced by copies of training images, shuffled."""
    number = round(share * len(others))
    source = torch.Generator().manual_seed(1)
    chosen = training[torch.randperm(len(training), generator=source)[:number]]
    mixed = torch.cat((copies_of(chosen, kind), others[number:])) if number else others
    return mixed[torch.randperm(len(mixed), generator=source)]


def write_folder(folder: Path, images: Tensor, name: str = "image") -> Path:
    """Images as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(to_uint8(images).permute(0, 2, 3, 1).numpy()):
        Image.fromarray(image.squeeze()).save(folder / f"{name}{i:04}.png")
    return folder
