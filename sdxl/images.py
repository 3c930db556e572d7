"""The images of a data set: which are used, what they are, and as tensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import torch
from torch import Tensor

from ambient.data.images import DataSetError, to_unit
from ambient.data.images.pixels import fit
from ambient.data.images.validation import UnusableError
from ambient.randomness import permutation
from sdxl.pairs import Pair, Source, units


def choose(source: Source, count: int | None, seed: int, option: str = "--images") -> list[Pair]:
    """All pairs of a data set, or a random `count` of them, in their order.

    Raises:
        DataSetError: If there are fewer than `count`, or than 2, naming the `option`, or the data set cannot be read.
    """
    pairs = [pair for unit in units(source, 256) for pair in unit.pairs()]
    if len(pairs) < 2:
        raise DataSetError(f"{source.data} has 1 image only; a comparison needs at least 2")
    if count is None:
        return pairs
    if not 2 <= count <= len(pairs):
        raise DataSetError(f"{option} {count}: {source.data} has {len(pairs)} images; choose between 2 and that many")
    return [pairs[i] for i in permutation(len(pairs), "subset", seed)[:count].sort().values.tolist()]


def content(pairs: Sequence[Pair]) -> str:
    """SHA-256 of the files, names and captions of some pairs.

    Raises:
        DataSetError: If a file cannot be read.
    """
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(pair_digest(pair).encode())
    return digest.hexdigest()


def pair_digest(pair: Pair) -> str:
    """SHA-256 of the index, name, caption and file of a pair. Raises DataSetError if the file cannot be read."""
    facts = json.dumps([pair.index, pair.name, pair.caption])
    try:
        return hashlib.sha256(facts.encode() + pair.content()).hexdigest()
    except UnusableError as error:
        raise DataSetError(str(error.fault(pair.name))) from error


def load_image(pair: Pair, resolution: int) -> tuple[Tensor, Tensor]:
    """The image of a pair, (3, H, W) in [-1, 1], and SDXL's sizes of it, (6,): see `sdxl.components`.

    Raises:
        UnusableError: If its file is no usable image.
    """
    pixels = pair.pixels()
    height, width = pixels.shape[:2]
    image = torch.from_numpy(fit(pixels, resolution, "rgb").copy()).permute(2, 0, 1)
    short = min(height, width)
    top, left = (round((side * resolution / short - resolution) / 2) for side in (height, width))
    return to_unit(image), torch.tensor([height, width, top, left, resolution, resolution], dtype=torch.float32)


def load_images(pairs: Sequence[Pair], resolution: int) -> tuple[Tensor, Tensor]:
    """The images (B, 3, H, W) in [-1, 1] and SDXL's sizes of them, (B, 6).

    Raises:
        DataSetError: If one of them is no usable image, naming it.
    """
    loaded = []
    for pair in pairs:
        try:
            loaded.append(load_image(pair, resolution))
        except UnusableError as error:
            raise DataSetError(f"{error.fault(pair.name)}; mend or remove it") from error
    images, sizes = zip(*loaded, strict=True)
    return torch.stack(images), torch.stack(sizes)
