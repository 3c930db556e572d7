"""Which region of an image is hidden: the largest object that a detector finds, or a fixed box (P1, section 4.1).

P1 takes whole faces or large objects, "impossible to perfectly predict by only observing the non-masked content", found
by a YOLO network. Here it is any object detector of transformers (DETR, YOLOS, RT-DETR, ...). A box is widened by a
margin, so that no rim of the object stays in sight, and grown to whole cells of the latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from transformers.utils import logging as transformers_logging

from ambient.data.images import to_uint8
from ambient.metrics.pretrained import PretrainedError
from ambient.metrics.pretrained.checked import load_network
from sdxl.attack.options import MaskOptions
from sdxl.tiny.random import is_random

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""


class Masker:
    """Finds the box of each image.

    Raises:
        PretrainedError: If the detector cannot be had, or is none.
    """

    def __init__(self, options: MaskOptions, cell: int, download: bool, device: torch.device | str = "cpu") -> None:
        options.check()
        self.options, self.cell, self.device = options, cell, device
        self.name = f"fixed box {' '.join(f'{x:g}' for x in options.box)}, no detector"
        self.revision: str | None = None
        if options.mask == "detector":
            self.network, self.processor = _load(options, download)
            self.network.to(device)
            self.revision = getattr(self.network.config, "_commit_hash", None)
            kind = "random " if is_random(options.detector) else ""
            self.name = f"largest object of {kind}{options.detector}"

    def __call__(self, images: Tensor) -> list[Box | None]:
        """The boxes of images (B, 3, H, W) in [-1, 1]; None where no object is found."""
        height, width = images.shape[-2:]
        if self.options.mask == "fixed":
            left, top, right, bottom = self.options.box
            box = self._cells(left * width, top * height, right * width, bottom * height, height, width)
            return [box for _ in images]
        pixels = list(to_uint8(images).cpu().numpy())
        prepared = self.processor(images=pixels, input_data_format="channels_first", return_tensors="pt")
        with torch.inference_mode():
            outputs = self.network(**prepared.to(self.device))
        objects = self.processor.post_process_object_detection(
            outputs, threshold=self.options.confidence, target_sizes=[(height, width)] * len(images)
        )
        return [self._largest(of_image["boxes"].cpu(), height, width) for of_image in objects]

    def _largest(self, boxes: Tensor, height: int, width: int) -> Box | None:
        """The largest of some boxes (n, 4) that covers an admissible share of the image."""
        boxes = boxes.float().clamp(min=0).minimum(torch.tensor([width, height] * 2).float())
        sizes = boxes[:, 2:] - boxes[:, :2]
        shares = sizes.prod(1) / (height * width)
        allowed = (shares >= self.options.areas[0]) & (shares <= self.options.areas[1])
        if not bool(allowed.any()):
            return None
        best = int(torch.where(allowed, shares, -1.0).argmax())
        (left, top, right, bottom), (w, h) = boxes[best].tolist(), sizes[best].tolist()
        m = self.options.margin
        box = self._cells(left - m * w, top - m * h, right + m * w, bottom + m * h, height, width)
        return None if box == (0, 0, width, height) else box

    def _cells(self, left: float, top: float, right: float, bottom: float, height: int, width: int) -> Box:
        """The box grown to whole cells, inside the image."""
        cell = self.cell
        low = [max(0, int(x // cell) * cell) for x in (left, top)]
        high = [min(side, int(-(-x // cell)) * cell) for x, side in ((right, width), (bottom, height))]
        return low[0], low[1], high[0], high[1]


def hidden(boxes: Sequence[Box], height: int, width: int) -> Tensor:
    """Masks, (B, 1, H, W) bool, True inside the boxes."""
    masks = torch.zeros(len(boxes), 1, height, width, dtype=torch.bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[:, top:bottom, left:right] = True
    return masks


def regions(images: Tensor, boxes: Sequence[Box], side: int = 224) -> Tensor:
    """The inside of each box at one size, (B, 3, side, side), by antialiased bilinear interpolation."""
    crops = [
        image[None, :, top:bottom, left:right] for image, (left, top, right, bottom) in zip(images, boxes, strict=True)
    ]
    return torch.cat([interpolate(crop, size=(side, side), mode="bilinear", antialias=True) for crop in crops])


def _load(options: MaskOptions, download: bool) -> tuple[Any, Any]:
    from transformers import MODEL_FOR_OBJECT_DETECTION_MAPPING, AutoConfig, AutoImageProcessor

    source = options.detector
    where: dict[str, Any] = {"revision": options.detector_revision, "local_files_only": not download}
    transformers_logging.disable_progress_bar()
    try:
        kind = type(AutoConfig.from_pretrained(source, **where))
        if kind not in MODEL_FOR_OBJECT_DETECTION_MAPPING:
            raise ValueError(f"it is a {kind.__name__.removesuffix('Config')}")
        processor = AutoImageProcessor.from_pretrained(source, use_fast=False, **where)
    except (OSError, ValueError, KeyError, ImportError) as error:
        if Path(source).is_dir():
            reason = " ".join(str(error).split())[:200]
            raise PretrainedError(f"--detector {source} is no object detector of transformers ({reason})") from error
        raise PretrainedError(
            f"--detector {source} is not in the local Hugging Face cache; add --download, give a folder that holds "
            "it, or hide the same box everywhere with --mask fixed"
        ) from error
    network: Any = MODEL_FOR_OBJECT_DETECTION_MAPPING[kind]
    return load_network(network.__name__, source, options.detector_revision or "main", download), processor
