"""The parts of a Stable Diffusion pipeline by size, each with fresh weights from torch's generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTokenizer

STEPS: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "steps_offset": 1,
}
"""The levels of all published Stable Diffusion models."""


def with_hints(scheduler: Any) -> Any:
    """SDXL's configuration also says what other schedulers made from it need to know."""
    scheduler.register_to_config(clip_sample=False, sample_max_value=1.0, set_alpha_to_one=False, skip_prk_steps=True)
    return scheduler


def make_vae(widths: Sequence[int], side: int, attention: bool = True) -> Any:
    """An AutoencoderKL with four latent channels.

    Args:
        widths: Channels of each resolution, from the images down: a factor of 2 for each but the first.
        side: Of the images, in pixels.
        attention: Whether its middle attends.
    """
    vae: Any = AutoencoderKL(
        block_out_channels=tuple(widths),
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=side,
        mid_block_add_attention=attention,
    )
    return vae.eval()


def make_text_encoder(kind: type[Any], tokenizer: CLIPTokenizer, width: int, activation: str) -> Any:
    """A CLIP text encoder of three layers, for the tokens of `tokenizer`.

    Args:
        kind: CLIPTextModel or CLIPTextModelWithProjection.
        tokenizer: Its tokenizer.
        width: Length of its states, a multiple of 4.
        activation: "quick_gelu" or "gelu".
    """
    config = CLIPTextConfig(
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
    return kind(config).eval()


def make_unet(
    widths: Sequence[int],
    side: int,
    text: int,
    pooled: int | None = None,
    channels: int = 4,
    heads: Sequence[int] = (2, 4),
) -> Any:
    """A U-Net that attends to the text at every resolution but the first.

    Args:
        widths: Channels of each resolution, multiples of 16.
        side: Of the latents.
        text: Length of the text's states.
        pooled: Length of SDXL's pooled embedding; None for Stable Diffusion 1 and 2, which have none.
        channels: Of the input: 4, or 9 for inpainting.
        heads: Attention heads at each resolution.
    """
    sizes = {} if pooled is None else {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": pooled + 6 * 8,
    }  # fmt: skip
    lower = len(widths) - 1
    unet: Any = UNet2DConditionModel(
        sample_size=side,
        in_channels=channels,
        out_channels=4,
        block_out_channels=tuple(widths),
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * lower),
        up_block_types=(*("CrossAttnUpBlock2D",) * lower, "UpBlock2D"),
        layers_per_block=1,
        transformer_layers_per_block=1,
        attention_head_dim=tuple(heads),
        use_linear_projection=True,
        cross_attention_dim=text,
        norm_num_groups=16,
        **sizes,
    )
    return unet.eval()
