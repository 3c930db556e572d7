"""CLIP's image embeddings (Radford et al. 2021).

Images are resized to the network's side (bicubic, antialiased) and normalised as in its training. The published
preprocessing resizes bytes and rounds; here the resized image is not rounded again.
"""

from __future__ import annotations

import torch

from ambient.pretrained.checked import load_network
from ambient.pretrained.vision import VisionFeatures, normalised, resized

CLIP = "openai/clip-vit-large-patch14"
CLIP_REVISION = "32bd64288804d66eefd0ccbe215aa642df71cc41"
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def clip(
    source: str = CLIP,
    revision: str = CLIP_REVISION,
    online: bool = False,
    device: torch.device | str = "cpu",
    batch: int = 64,
) -> VisionFeatures:
    """CLIP's projected image embeddings, (B, D).

    Args:
        source: Hub id, or a folder with the whole CLIP or its vision half.
        revision: Commit of the hub id.
        online: Allow a download.
        device: Where the network runs.
        batch: Images at a time.

    Raises:
        PretrainedError: If the network cannot be had, or is not a CLIP.
    """
    network = load_network("CLIPVisionModelWithProjection", source, revision, online)
    side = network.config.image_size
    name = "CLIP ViT-L/14" if source == CLIP else f"CLIP {source.rstrip('/').rsplit('/', 1)[-1]}"

    def prepare(images: torch.Tensor) -> torch.Tensor:
        return normalised(resized(images, side, "bicubic", antialias=True), CLIP_MEAN, CLIP_STD)

    return VisionFeatures(name, network, prepare, "image_embeds", device, batch)
