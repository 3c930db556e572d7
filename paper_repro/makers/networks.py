"""The networks that look at images, by `sdxl.features`."""

from __future__ import annotations

from ambient.metrics.features import FeatureMap
from ambient.metrics.pretrained import ClipScore
from paper_repro.makers.backend import Backend
from paper_repro.makers.run import Run
from sdxl import features
from sdxl.options import FeatureOptions


def similarity_options(backend: Backend) -> FeatureOptions:
    """Where similarities are measured: on DINOv2, prepared as P1 does."""
    return FeatureOptions(dinov2=backend.network("dinov2"), protocol="p1")


def similarity_features(run: Run) -> FeatureMap:
    """The same, loaded. Raises PretrainedError if it cannot be had, naming it."""
    return features.similarity_features(similarity_options(run.backend), run.backend.download, run.accelerator.device)


def clip_of(run: Run) -> ClipScore:
    """The CLIP score. Raises PretrainedError if it cannot be had, naming it."""
    return features.clip_score(run.backend.network("clip"), run.backend.download, run.accelerator.device)
