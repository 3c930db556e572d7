"""CLIP's image embeddings (Radford et al. 2021).

Images are resized to the network's side (bicubic, antialiased) and normalised as in its training. The published
preprocessing resizes bytes and rounds; here the resized image is not rounded again.

The CLIP score of an image and its caption is the cosine of their embeddings ("CLIP" in P2's Table 3; Hessel et al. 2021
multiply it by 2.5 and cut it at 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ambient.metrics.features import unit
from ambient.metrics.pretrained.checked import Pretrained, PretrainedError
from ambient.metrics.pretrained.vision import VisionFeatures, normalised, resized

CLIP = "openai/clip-vit-large-patch14"
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def clip(network: Pretrained) -> VisionFeatures:
    """CLIP's projected image embeddings, (B, D).

    Args:
        network: `CLIP`, or another CLIP, whole or its vision half.

    Raises:
        PretrainedError: If the network cannot be had, or is not a CLIP.
    """
    half = network.load("CLIPVisionModelWithProjection")
    side = half.config.image_size

    def prepare(images: Tensor) -> Tensor:
        return normalised(resized(images, side, "bicubic", antialias=True), CLIP_MEAN, CLIP_STD)

    return VisionFeatures(_name(network.source), half, prepare, "image_embeds", network.device, network.batch)


class ClipScore:
    """Cosine similarity of images and captions.

    Args:
        network: `CLIP`, or another CLIP, whole and with its tokenizer.

    Raises:
        PretrainedError: If the networks or the tokenizer cannot be had, or are not CLIP's.
    """

    def __init__(self, network: Pretrained) -> None:
        self.name = _name(network.source)
        self._images = clip(network)
        self._text = network.load("CLIPTextModelWithProjection")
        self._tokenizer = _tokenizer(network)
        self._device, self._batch = network.device, network.batch

    @torch.inference_mode()
    def __call__(self, images: Tensor, captions: Sequence[str]) -> Tensor:
        """The score of each pair, (B,) float32 in [-1, 1], for images (B, C, H, W) in [-1, 1].

        Raises:
            ValueError: If there is not one caption for each image.
        """
        if len(images) != len(captions):
            raise ValueError(f"{len(images)} images need {len(images)} captions, got {len(captions)}")
        rows = []
        for start in range(0, len(captions), self._batch):
            texts = list(captions[start : start + self._batch])
            tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=77, return_tensors="pt")
            rows.append(self._text(**tokens.to(self._device)).text_embeds.float().cpu())
        return (unit(self._images(images)) * unit(torch.cat(rows))).sum(1)


def _tokenizer(network: Pretrained) -> Any:
    from transformers import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(
            network.source, revision=network.revision, local_files_only=not network.online
        )
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PretrainedError(
            f"{network.source} has no tokenizer ({reason}); give the folder of a whole CLIP"
        ) from error


def _name(source: str) -> str:
    return "CLIP ViT-L/14" if source == CLIP else f"CLIP {source.rstrip('/').rsplit('/', 1)[-1]}"
