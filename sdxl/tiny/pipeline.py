"""A complete Stable Diffusion pipeline of random weights: the real architecture with narrow layers.

The latents of a random VAE have an arbitrary scale, so `scaling_factor` is set, as it was for the published VAEs, to
1 / (standard deviation of the latents), measured on smooth random images.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from ambient.randomness import generator
from ambient.runs.identity import claim_folder
from sdxl.tiny.options import TinyOptions, Variant
from sdxl.tiny.parts import STEPS, make_text_encoder, make_unet, make_vae, with_hints
from sdxl.tiny.tokenizer import make_tokenizer


def write_tiny(options: TinyOptions) -> None:
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
        steps = {**STEPS, "prediction_type": prediction}
        first, second = make_tokenizer("<|endoftext|>"), make_tokenizer("!")
        parts = {"vae": _vae(resolution), "text_encoder": make_text_encoder(CLIPTextModel, second, 32, "quick_gelu")}
        parts["tokenizer"] = first
        if variant == "sd":
            return StableDiffusionPipeline(
                **parts,
                unet=make_unet((32, 64), resolution // 8, 32),
                scheduler=DDIMScheduler(**steps, clip_sample=False, set_alpha_to_one=False),
                safety_checker=None,
                feature_extractor=None,
                requires_safety_checker=False,
            )
        kind = StableDiffusionXLInpaintPipeline if variant == "inpainting" else StableDiffusionXLPipeline
        return kind(
            **parts,
            text_encoder_2=make_text_encoder(CLIPTextModelWithProjection, second, 48, "gelu"),
            tokenizer_2=second,
            unet=make_unet((32, 64), resolution // 8, 32 + 48, 48, 9 if variant == "inpainting" else 4),
            scheduler=with_hints(EulerDiscreteScheduler(**steps, timestep_spacing="leading")),
        )


def _vae(resolution: int) -> Any:
    vae = make_vae((16, 16, 32, 32), resolution)
    smooth = nn.functional.interpolate(torch.randn(8, 3, 8, 8), size=(64, 64), mode="bicubic").clamp(-1, 1)
    with torch.no_grad():
        latents = vae.encode(smooth).latent_dist.mean
    vae.register_to_config(scaling_factor=round(1 / float(latents.std()), 4))
    return vae
