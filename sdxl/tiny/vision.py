"""A DINOv2, a CLIP with its tokenizer and an object detector (YOLOS) of random weights, in their real layout."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessorPil,
)
from transformers.utils import logging as transformers_logging

from ambient.randomness import generator
from ambient.runs.identity import claim_folder
from sdxl.tiny.options import TinyVisionOptions
from sdxl.tiny.random import RANDOM, is_random
from sdxl.tiny.tokenizer import make_tokenizer


def write_vision(options: TinyVisionOptions) -> None:
    """Write the networks.

    Raises:
        ValueError: If the folder holds something else.
        ConfigMismatchError: If it holds networks of another seed.
    """
    folder = options.output
    if folder.exists() and any(folder.iterdir()) and not is_random(str(folder)):
        raise ValueError(f"{folder} is not empty; choose a new folder")
    claim_folder(folder, {"seed": options.seed}, RANDOM)
    transformers_logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", options.seed).initial_seed())
        parts = {"dinov2": (_dinov2(),), "clip": _clip(), "detector": _detector()}
    for name, pieces in parts.items():
        for piece in pieces:
            piece.save_pretrained(options.output / name)
        claim_folder(options.output / name, {"seed": options.seed}, RANDOM)


def _dinov2() -> Any:
    config = Dinov2Config(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=518, patch_size=14, mlp_ratio=2
    )
    return Dinov2Model(config).eval()


def _clip() -> tuple[Any, Any]:
    tokenizer = make_tokenizer("<|endoftext|>")
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    small["projection_dim"] = 32
    text = {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id} | small
    text |= {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = CLIPConfig(
        text_config=text, vision_config={**small, "image_size": 224, "patch_size": 32}, projection_dim=32
    )
    return CLIPModel(config).eval(), tokenizer


def _detector() -> tuple[Any, Any]:
    config = YolosConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=[64, 64],
        num_detection_tokens=8,
        use_mid_position_embeddings=False,
        id2label={0: "thing", 1: "other thing"},
        label2id={"thing": 0, "other thing": 1},
    )
    return YolosForObjectDetection(config).eval(), YolosImageProcessorPil(size={"height": 64, "width": 64})
