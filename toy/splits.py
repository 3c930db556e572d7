"""The splits of an experiment's data, and what is measured against them: each made once, when it is first needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ambient.metrics.frechet import FeatureStatistics
from toy.audit import Audit
from toy.data import DataSet, Split, load_data
from toy.features import FeatureMaps, feature_maps, load_pretrained
from toy.options import ToyOptions

Key = tuple[int, int]
"""Number of training images, and which split."""


class Splits:
    """Splits and audits by number of training images and seed.

    Args:
        options: Of the experiment.
    """

    def __init__(self, options: ToyOptions) -> None:
        self._options = options
        self._splits: dict[Key, Split] = {}
        self._audits: dict[Key, Audit] = {}

    @cached_property
    def data(self) -> DataSet:
        """All images.

        Raises:
            DataSetError: If they cannot be read.
        """
        return load_data(self._options.source)

    def load_pretrained(self) -> None:
        """Have the pretrained networks at hand, and the published statistics; raises if one cannot be had."""
        _ = self.pretrained, self._reference

    @cached_property
    def pretrained(self) -> FeatureMaps:
        """The pretrained networks.

        Raises:
            PretrainedError: If one cannot be had, or is not what it should be.
        """
        options = self._options
        return load_pretrained(
            options.feature_names, options.measuring, download=options.place.download, device=options.place.device
        )

    @cached_property
    def _reference(self) -> FeatureStatistics | None:
        path = self._options.measuring.fid_reference
        return FeatureStatistics.read_npz(path) if path and "inception" in self._options.feature_names else None

    def split(self, images: int, seed: int) -> Split:
        """The split `seed` with that many training images; raises as `load_data` and `DataSet.split`."""
        key = (images, seed)
        if key not in self._splits:
            self._splits[key] = self.data.split(images, seed)
        return self._splits[key]

    def audit(self, images: int, seed: int) -> Audit:
        """What the samples of that split's models are measured by; raises as `pretrained` and `split`."""
        key = (images, seed)
        if key not in self._audits:
            split, data = self.split(images, seed), self._options.source.data
            maps = feature_maps(self._options.feature_names, self.pretrained, split, self._classifier(seed))
            self._audits[key] = Audit(split, maps, data, self._reference)
        return self._audits[key]

    def _classifier(self, seed: int) -> Path | None:
        if self._options.source.data == "digits":
            return None
        return self._options.folder / "features" / f"classifier-seed{seed}.safetensors"
