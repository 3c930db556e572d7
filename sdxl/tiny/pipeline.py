"""A complete Stable Diffusion pipeline of random weights: the real architecture with narrow layers.

The latents of a random VAE have an arbitrary scale, so `scaling_factor` is set, as it was for the published VAEs, to
1 / (standard deviation of the latents), measured on smooth random images.
"""

from __future__ import annotations

from typing import Any

import torch
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
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from ambient.randomness import generator
from ambient.runs.identity import claim_folder
from sdxl.tiny.options import TinyOptions, Variant
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


def _with_hints(scheduler: Any) -> Any:
    """SDXL's configuration also says what other schedulers made from it need to know."""
    scheduler.register_to_config(clip_sample=False, sample_max_value=1.0, set_alpha_to_one=False, skip_prk_steps=True)
    return scheduler


def _vae(resolution: int) -> Any:
    vae: Any = AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=resolution,
    )
    vae.eval()
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


def _unet(resolution: int, text: int, pooled: int | None = None, channels: int = 4) -> Any:
    sizes = {} if pooled is None else {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": pooled + 6 * 8,
    }  # fmt: skip
    unet: Any = UNet2DConditionModel(
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
    )
    return unet.eval()
