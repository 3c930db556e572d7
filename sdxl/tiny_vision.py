"""Random networks that look at images, in their real layout on disk: `python -m sdxl.tiny_vision OUT`.

A DINOv2, a CLIP with its tokenizer and an object detector (YOLOS), each less than a megabyte, so that attacks and
evaluations can be tried offline: `--dinov2 OUT/dinov2 --clip OUT/clip --detector OUT/detector`. They are not trained:
their features are called random in every table, and their boxes say nothing about what is in an image.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
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
from ambient.runs.console import run
from ambient.runs.identity import claim_folder
from sdxl.tiny import make_tokenizer

RANDOM = "random.json"
"""The file that marks a network of random weights."""


@dataclass(frozen=True)
class Options:
    """Write a random DINOv2, CLIP and object detector, for trying attacks and evaluations offline."""

    output: tyro.conf.Positional[Path]
    """Folder to write, with one folder for each network."""
    seed: int = 0
    """Seed of the weights."""


def write_vision(options: Options) -> None:
    """Write the networks.

    Raises:
        ConfigMismatchError: If the folder holds networks of another seed.
    """
    claim_folder(options.output, {"seed": options.seed}, RANDOM)
    transformers_logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", options.seed).initial_seed())
        parts = {"dinov2": (_dinov2(),), "clip": _clip(), "detector": _detector()}
    for name, pieces in parts.items():
        for piece in pieces:
            piece.save_pretrained(options.output / name)
        claim_folder(options.output / name, {"seed": options.seed}, RANDOM)


def is_random(source: str) -> bool:
    """Whether a network was written by `write_vision`."""
    return (Path(source) / RANDOM).is_file()


def _dinov2() -> Dinov2Model:
    config = Dinov2Config(
        hidden_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=518, patch_size=14, mlp_ratio=2
    )
    return Dinov2Model(config).eval()


def _clip() -> tuple[CLIPModel, object]:
    tokenizer = make_tokenizer("<|endoftext|>")
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    small["projection_dim"] = 32
    text = {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id} | small
    text |= {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = CLIPConfig(
        text_config=text, vision_config={**small, "image_size": 224, "patch_size": 32}, projection_dim=32
    )
    return CLIPModel(config).eval(), tokenizer


def _detector() -> tuple[YolosForObjectDetection, YolosImageProcessorPil]:
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


def main() -> int:
    """Run the command line; returns the exit status."""
    return run(Options, _main)


def _main(options: Options) -> None:
    write_vision(options)
    print("A random DINOv2, CLIP and object detector (YOLOS)")
    print(f"Results: {options.output}")


if __name__ == "__main__":
    sys.exit(main())
