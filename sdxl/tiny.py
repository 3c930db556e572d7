r"""A complete Stable Diffusion pipeline of random weights in a few megabytes: `python -m sdxl.tiny OUT`.

Every part of the real thing in its real layout on disk (`model_index.json`, a folder for each component,
safetensors), so that every command, and diffusers itself, can be tried offline. The architecture is the real one with
narrow layers: an eightfold VAE, CLIP text encoders (two for SDXL) with a byte-level CLIP tokenizer, the U-Net with its
text and size conditions, and the scheduler of the published models. Nothing is trained: its pictures are textures.

The latents of a random VAE have an arbitrary scale, so `scaling_factor` is set, as it was for the published VAEs, to
1 / (standard deviation of the latents), measured on smooth random images.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from ambient.randomness import generator
from ambient.runs.identity import claim_folder

Variant = Literal["sdxl", "inpainting", "sd"]

WORDS = (
    "a photo of an image picture chest x-ray frontal view lungs lung heart pneumonia covid normal patient left right "
    "lower upper lobe bilateral opacities shows with and in the no evidence dog cat face person sitting on table"
)
"""Words that the tokenizer knows whole; all others fall into bytes."""


@dataclass(frozen=True)
class Options:
    """Write a complete Stable Diffusion pipeline of random weights, a few megabytes, for trying the other commands."""

    output: tyro.conf.Positional[Path]
    """Folder to write; must be new, or hold the same pipeline."""
    variant: Variant = "sdxl"
    """sdxl; its inpainting model (nine input channels); or sd, with one text encoder as Stable Diffusion 1 and 2."""
    prediction: Literal["epsilon", "v_prediction"] = "epsilon"
    """What the U-Net predicts."""
    resolution: int = 64
    """Side of its images, a multiple of 16."""
    seed: int = 0
    """Seed of the weights."""

    def check(self) -> None:
        """Raises ValueError for values that cannot work."""
        if self.resolution < 16 or self.resolution % 16:
            raise ValueError(f"--resolution {self.resolution}: a multiple of 16, at least 16")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: a seed is 0 or more")


def write_tiny(options: Options) -> None:
    """Write the pipeline to `options.output`.

    Raises:
        ValueError: If an option is out of range, or the folder holds something else.
    """
    options.check()
    folder = options.output
    if folder.exists() and any(folder.iterdir()) and not (folder / "tiny.json").exists():
        raise ValueError(f"{folder} is not empty; choose a new folder")
    facts = {"variant": options.variant, "prediction": options.prediction, "resolution": options.resolution}
    claim_folder(folder, {**facts, "seed": options.seed}, "tiny.json")
    build(options.variant, options.prediction, options.resolution, options.seed).save_pretrained(
        folder, safe_serialization=True
    )


def build(variant: Variant = "sdxl", prediction: str = "epsilon", resolution: int = 64, seed: int = 0) -> Any:
    """The pipeline in memory; arguments as the options."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", seed).initial_seed())
        steps = {
            "num_train_timesteps": 1000,
            "beta_schedule": "scaled_linear",
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "steps_offset": 1,
            "prediction_type": prediction,
        }
        parts = {"vae": _vae(resolution), "text_encoder": _text_encoder(CLIPTextModel, 32, "quick_gelu")}
        parts["tokenizer"] = make_tokenizer("<|endoftext|>")
        if variant == "sd":
            return StableDiffusionPipeline(
                **parts,
                unet=_unet(resolution, 32),
                scheduler=DDIMScheduler(**steps, clip_sample=False, set_alpha_to_one=False),
                safety_checker=None,
                feature_extractor=None,
                requires_safety_checker=False,
            )
        kind = StableDiffusionXLInpaintPipeline if variant == "inpainting" else StableDiffusionXLPipeline
        return kind(
            **parts,
            text_encoder_2=_text_encoder(CLIPTextModelWithProjection, 48, "gelu"),
            tokenizer_2=make_tokenizer("!"),
            unet=_unet(resolution, 32 + 48, pooled=48, channels=9 if variant == "inpainting" else 4),
            scheduler=_with_hints(EulerDiscreteScheduler(**steps, timestep_spacing="leading")),
        )


def _with_hints(scheduler: EulerDiscreteScheduler) -> EulerDiscreteScheduler:
    """SDXL's configuration also says what other schedulers made from it need to know."""
    scheduler.register_to_config(clip_sample=False, sample_max_value=1.0, set_alpha_to_one=False, skip_prk_steps=True)
    return scheduler


def _vae(resolution: int) -> AutoencoderKL:
    vae = AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=resolution,
    ).eval()
    smooth = nn.functional.interpolate(torch.randn(8, 3, 8, 8), size=(64, 64), mode="bicubic").clamp(-1, 1)
    with torch.no_grad():
        latents = vae.encode(smooth).latent_dist.mean
    vae.register_to_config(scaling_factor=round(1 / float(latents.std()), 4))
    return vae


def _text_encoder(kind: type[Any], width: int, activation: str) -> Any:
    tokenizer = make_tokenizer("!")
    return kind(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=77,
            hidden_act=activation,
            projection_dim=width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).eval()


def _unet(resolution: int, text: int, pooled: int | None = None, channels: int = 4) -> UNet2DConditionModel:
    sizes = {} if pooled is None else {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": pooled + 6 * 8,
    }  # fmt: skip
    return UNet2DConditionModel(
        sample_size=resolution // 8,
        in_channels=channels,
        out_channels=4,
        block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        transformer_layers_per_block=1,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        cross_attention_dim=text,
        norm_num_groups=16,
        **sizes,
    ).eval()


def make_tokenizer(pad: str) -> CLIPTokenizer:
    """CLIP's byte-pair encoding with the merges that `WORDS` need."""
    symbols = [chr(code) for code in _printable_bytes()]
    vocabulary = [*symbols, *(symbol + "</w>" for symbol in symbols)]
    merges = _merges(WORDS.replace("-", " ").split())
    vocabulary += ["".join(pair) for pair in merges]
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    numbers = {token: i for i, token in enumerate(dict.fromkeys(vocabulary))}
    return CLIPTokenizer(numbers, merges, pad_token=pad, model_max_length=77)


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Byte-pair encoding until each word is one token: always the most frequent pair, of equals the first by name."""
    spelled = [[*word[:-1], word[-1] + "</w>"] for word in dict.fromkeys(words)]
    merges: list[tuple[str, str]] = []
    while any(len(pieces) > 1 for pieces in spelled):
        counts = Counter(pair for pieces in spelled for pair in pairwise(pieces))
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        for pieces in spelled:
            for i in range(len(pieces) - 2, -1, -1):
                if tuple(pieces[i : i + 2]) == best:
                    pieces[i : i + 2] = ["".join(best)]
    return merges


def _printable_bytes() -> list[int]:
    """The characters that stand for the 256 bytes in byte-level BPE: printable ones for themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [*printable, *range(256, 256 + 256 - len(printable))]


def main() -> int:
    """Run the command line; returns the exit status."""
    from ambient.runs.console import run

    return run(Options, _main)


def _main(options: Options) -> None:
    write_tiny(options)
    size = sum(path.stat().st_size for path in options.output.rglob("*") if path.is_file()) / 1e6
    print(f"A random {options.variant} pipeline for {options.resolution}x{options.resolution} images, {size:.1f} MB")
    print(f"Results: {options.output}")


if __name__ == "__main__":
    sys.exit(main())
