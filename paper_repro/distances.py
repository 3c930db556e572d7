"""Fréchet distances of generated images to a data set: FID on Inception's features, named after others elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from ambient.metrics.features import FeatureMap
from ambient.metrics.frechet import FeatureStatistics, distance_name
from ambient.metrics.pretrained import Inception
from paper_repro import data, make_sdxl
from paper_repro.products import Data
from paper_repro.workshop import Workshop
from sdxl.features import similarity_features
from sdxl.images import choose, load_images
from sdxl.pictures import read_images

_BATCH = 64


def judge(shop: Workshop) -> FeatureMap:
    """Inception, or the random network that stands for it."""
    if shop.options.substitute:
        return similarity_features(make_sdxl.features(shop))
    return Inception.load(make_sdxl.inception(shop), device=shop.accelerator.device)


def name(shop: Workshop) -> str:
    """What the distance is called."""
    return distance_name(judge(shop).name)


def reference(shop: Workshop, name: Data) -> FeatureStatistics:
    """The statistics of a data set; computed once."""
    path = (
        shop.folder("statistics", {"data": str(data.source(shop, name)[0]), "by": judge(shop).name})
        / "data.safetensors"
    )
    if not path.exists():
        pairs = choose(data.source(shop, name)[0], None, 0)
        resolution = shop.sizes.resolution

        def batches() -> Iterator[Tensor]:
            for start in range(0, len(pairs), _BATCH):
                yield load_images(pairs[start : start + _BATCH], resolution)[0]

        FeatureStatistics.of_images(batches(), judge(shop)).save(path)
    return FeatureStatistics.load(path)


def generated(shop: Workshop, folder: Path) -> FeatureStatistics:
    """The statistics of generated images; computed once."""
    count = shop.sizes.generated
    path = folder / f"statistics-{count}.safetensors"
    if not path.exists():
        parts = (read_images(folder, range(s, min(count, s + _BATCH))) for s in range(0, count, _BATCH))
        FeatureStatistics.of_images(parts, judge(shop)).save(path)
    return FeatureStatistics.load(path)
