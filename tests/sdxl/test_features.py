"""What images are compared in."""

from __future__ import annotations

from pathlib import Path

import torch

from sdxl.features import clip_score


def test_clip_scores_are_cosines_of_the_whole_model(vision: Path) -> None:
    from transformers import CLIPModel, CLIPTokenizer

    clip = str(vision / "clip")
    images = torch.rand(3, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    texts = ["a photo of a cat", "lungs", "x"]
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    pixels = (((images * 127.5 + 128).floor() / 255) - mean) / std
    tokens = CLIPTokenizer.from_pretrained(clip)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        output = CLIPModel.from_pretrained(clip).eval()(**tokens, pixel_values=pixels)
    expected = torch.cosine_similarity(output.image_embeds, output.text_embeds)
    assert torch.allclose(clip_score(clip)(images, texts), expected, atol=1e-5)
