"""Features of many images, chunk by chunk: what distances, similarities and CLIP scores are computed from.

Each chunk is one file, written whole or not at all, so a run that is killed goes on where it was; `accelerate launch`
shares the chunks among processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm.auto import tqdm

from ambient.metrics.features import FeatureMap
from ambient.metrics.frechet import FeatureStatistics
from ambient.metrics.pretrained import ClipScore
from ambient.runs.files import is_to_be_made, load_tensors, save_tensors

CHUNK = 128
_ALWAYS = ("similarity", "clip")
"""Tensors that every chunk holds."""


@dataclass(frozen=True, eq=False)
class Extractors:
    """What is computed of every image.

    Attributes:
        similarity: Features for similarities, of which all are kept.
        quality: Features for the Fréchet distance, of which the first two moments are used.
        clip: The CLIP score with the caption, or None.
    """

    similarity: FeatureMap
    quality: FeatureMap
    clip: ClipScore | None = None


@dataclass(frozen=True, eq=False)
class Audit:
    """Features of a set of images.

    Attributes:
        features: For similarities, (N, D).
        statistics: For the Fréchet distance.
        clip: CLIP score of each image that has a caption, (n,).
    """

    features: Tensor
    statistics: FeatureStatistics
    clip: Tensor


def audit(
    count: int,
    images: Callable[[range], Tensor],
    captions: Sequence[str] | None,
    extractors: Extractors,
    folder: Path,
    accelerator: Accelerator,
    title: str,
) -> Audit | None:
    """Features of `count` images; the result is on the main process only, others get None.

    Args:
        count: How many.
        images: Reads a stretch of them, (b, 3, H, W) in [-1, 1].
        captions: Of each image, "" for none; None takes no CLIP scores.
        extractors: What is computed.
        folder: Where the chunks go.
        accelerator: Shares the work.
        title: Of the progress bar.
    """
    chunks = [range(start, min(count, start + CHUNK)) for start in range(0, count, CHUNK)]
    mine = chunks[accelerator.process_index :: accelerator.num_processes]
    todo = [rows for rows in mine if is_to_be_made(path := _path(folder, rows), *_ALWAYS, metadata=_name(path))]
    for rows in tqdm(todo, desc=title, unit="chunk", disable=not accelerator.is_main_process or not todo):
        batch = images(rows)
        texts = ["" for _ in rows] if captions is None else [captions[i] for i in rows]
        captioned = [i for i, text in enumerate(texts) if text]
        scores = torch.zeros(0)
        if extractors.clip is not None and captioned:
            scores = extractors.clip(batch[captioned], [texts[i] for i in captioned])
        tensors = {"similarity": extractors.similarity(batch), "clip": scores}
        if extractors.quality is not extractors.similarity:
            tensors["quality"] = extractors.quality(batch)
        path = _path(folder, rows)
        save_tensors(path, tensors, _name(path))
    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        return None
    paths = [_path(folder, rows) for rows in chunks]
    parts = [load_tensors(path, *_ALWAYS, metadata=_name(path))[0] for path in paths]
    name = extractors.quality.name
    moments = (FeatureStatistics.of(part.get("quality", part["similarity"]), name) for part in parts)
    features, clip = (torch.cat([part[key] for part in parts]) for key in ("similarity", "clip"))
    return Audit(features, reduce(FeatureStatistics.merge, moments), clip)


def _path(folder: Path, rows: range) -> Path:
    return folder / f"{rows.start:08d}-{rows.stop:08d}.safetensors"


def _name(path: Path) -> dict[str, str]:
    """What tells a chunk from all others of an evaluation: so none can stand in the place of another."""
    return {"name": f"{path.parent.name}/{path.name}"}
