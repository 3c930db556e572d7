"""The networks that look at images, by `sdxl.measures`."""

from __future__ import annotations

from ambient.metrics.features import FeatureMap
from ambient.metrics.pretrained import ClipScore
from paper_repro.makers.backend import Backend
from paper_repro.makers.run import Run
from sdxl.measures import FeatureOptions, clip_score


def similarity_options(backend: Backend) -> FeatureOptions:
    """Where similarities are measured: on DINOv2, prepared as P1 does."""
    return FeatureOptions(dinov2=backend.network("dinov2"), protocol="p1")


def similarity_features(run: Run) -> FeatureMap:
    """The same, loaded. Raises PretrainedError if it cannot be had, naming it."""
    return similarity_options(run.backend).build(run.backend.download, run.accelerator.device)


def clip_of(run: Run) -> ClipScore:
    """The CLIP score. Raises PretrainedError if it cannot be had, naming it."""
    return clip_score(run.backend.network("clip"), run.backend.download, run.accelerator.device)
