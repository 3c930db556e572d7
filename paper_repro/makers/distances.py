"""Fréchet distances of generated images to a data set: FID on Inception's features, named after others elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from ambient.metrics.frechet import FeatureStatistics, distance_name
from ambient.runs.console import say
from paper_repro.makers.pairs import batches_of_generated, batches_of_pictures, pairs_of
from paper_repro.makers.product import Data
from paper_repro.makers.run import Run


class Distances:
    """Fréchet distances to one data set; statistics are computed once and kept.

    Args:
        run: The run.
        data: The data set.
    """

    def __init__(self, run: Run, data: Data) -> None:
        self._judge = run.backend.judge(run.accelerator.device)
        self._count = run.sizes.generated
        self._reference = self._statistics_of(run, data)

    @property
    def name(self) -> str:
        """What the distance is called."""
        return distance_name(self._judge.name)

    def of(self, folder: Path) -> float:
        """The distance of the images in a folder of `sdxl.generate`."""
        path = folder / f"statistics-{self._count}.safetensors"
        return self._kept(path, lambda: batches_of_generated(folder, self._count)).frechet_distance(self._reference)

    def _statistics_of(self, run: Run, data: Data) -> FeatureStatistics:
        source, _ = run.backend.source(data)
        side = run.sizes.resolution
        folder = run.products.folder("statistics", {"data": source, "side": side, "by": self._judge.name})
        return self._kept(folder / "data.safetensors", lambda: batches_of_pictures(pairs_of(source), side))

    def _kept(self, path: Path, batches: Callable[[], Iterable[Tensor]]) -> FeatureStatistics:
        """The statistics in a file, made of some images if it is not there or damaged, which is said."""
        if path.exists():
            try:
                return FeatureStatistics.load(path)
            except ValueError as error:
                say("[yellow]warning:[/yellow]", f"{path} is damaged; it is made again ({error})")
        FeatureStatistics.of_images(batches(), self._judge).save(path)
        return FeatureStatistics.load(path)
