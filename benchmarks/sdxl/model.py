"""The full-size SDXL U-Net and text encoders with random weights, and the FLOPs of a pass: for `benchmarks.sdxl`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from peft import LoraConfig
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from ambient.denoisers import UNetDenoiser
from ambient.process import Level
from ambient.schedules import Schedule
from sdxl import lora
from sdxl.components import Components
from sdxl.options import ModelOptions
from sdxl.tiny.pipeline import build as build_tiny

SDXL_UNET: dict[str, Any] = {
    "sample_size": 128,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "norm_num_groups": 32,
}
"""The published configuration of SDXL's U-Net."""
PARAMETERS = 2_567_463_684
TEXT_ENCODERS: tuple[dict[str, Any], dict[str, Any]] = (
    {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
    {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20},
)
"""CLIP ViT-L and OpenCLIP ViT-bigG, text halves."""
TOKENS = 77


@dataclass
class Model:
    """The U-Net with its LoRA, and what stands around it."""

    components: Components
    text: Callable[[int], dict[str, Tensor]]
    shape: tuple[int, ...]
    device: torch.device
    passes: tuple[float, float] = (0.0, 0.0)
    rows: list[int] = field(default_factory=lambda: [0, 0])

    def denoiser(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """h, counting the rows evaluated: all, and those with gradient."""
        self.rows[0] += len(x_t)
        if torch.is_grad_enabled():
            self.rows[1] += len(x_t)
        x_0_hat: Tensor = self.components.denoiser(x_t, level, **condition)
        return x_0_hat

    def condition(self, batch: int) -> dict[str, Tensor]:
        """A condition that was encoded before."""
        return {name: value.detach() for name, value in self.text(batch).items()}


def build(small: bool, device: torch.device, compiled: bool = False) -> Model:
    """The model with a fresh LoRA, and the FLOPs of its forward and backward pass for one image."""
    dtype = torch.float32 if small else torch.bfloat16
    torch.manual_seed(0)
    unet = build_tiny().unet if small else _full_unet(device)
    unet = unet.to(device, dtype).train().requires_grad_(False)
    scheduler = DDIMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    denoiser = UNetDenoiser(unet, Schedule.from_scheduler(scheduler))
    components = Components(SimpleNamespace(unet=unet), denoiser, ModelOptions("random"))
    lora.attach(components)
    side = unet.config.sample_size
    model = Model(components, _text(small, device, dtype), (4, side, side), device)
    set_checkpointing(unet, False)
    model.passes = _passes(model)
    if compiled:
        unet.compile()
    return model


def full_config() -> Any:
    """The full-size U-Net on the meta device: shapes without memory."""
    return _full_unet(torch.device("meta"))


@cache
def full_passes(rank: int = 4) -> tuple[float, float]:
    """FLOPs of a forward and of a backward pass of one 1024x1024 image with a LoRA, counted on shapes alone."""
    unet = full_config().requires_grad_(False).train()
    with torch.device("meta"):
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(lora.TARGETS)))
        x, states = torch.randn(1, 4, 128, 128), torch.randn(1, TOKENS, 2048)
        added = {"text_embeds": torch.randn(1, 1280), "time_ids": torch.randn(1, 6)}
        counts = []
        for backward in (False, True):
            with FlopCounterMode(display=False) as counter:
                output = unet(x, torch.ones(1), encoder_hidden_states=states, added_cond_kwargs=added).sample
                if backward:
                    output.square().mean().backward()
            counts.append(float(counter.get_total_flops()))
    return counts[0], counts[1] - counts[0]


def _full_unet(device: torch.device) -> Any:
    with torch.device(device):
        return UNet2DConditionModel(**SDXL_UNET)


def _text(small: bool, device: torch.device, dtype: torch.dtype) -> Callable[[int], dict[str, Tensor]]:
    """Both text encoders with random weights: encodes a batch of captions of 77 tokens."""
    sizes = ({"hidden_size": 32}, {"hidden_size": 48}) if small else TEXT_ENCODERS
    shared: dict[str, Any] = {"vocab_size": 49408, "max_position_embeddings": TOKENS}
    if small:
        shared |= {
            "vocab_size": 100,
            "bos_token_id": 98,
            "eos_token_id": 99,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
        }
    kinds = (CLIPTextModel, CLIPTextModelWithProjection)
    encoders = []
    for kind, size in zip(kinds, sizes, strict=True):
        config = CLIPTextConfig(**shared, **size, projection_dim=size["hidden_size"])
        encoder: Any = kind(config)
        encoders.append(encoder.to(device, dtype).eval().requires_grad_(False))
    tokens = torch.randint(2, shared["vocab_size"] - 2, (1, TOKENS), device=device)

    @torch.no_grad()
    def encode(batch: int) -> dict[str, Tensor]:
        outputs = [encoder(tokens.expand(batch, -1), output_hidden_states=True) for encoder in encoders]
        states = torch.cat([output.hidden_states[-2] for output in outputs], -1)
        sizes_of_images = torch.tensor([[1024.0, 1024, 0, 0, 1024, 1024]], device=device, dtype=dtype)
        embeds = outputs[1].text_embeds
        return {
            "encoder_hidden_states": states,
            "text_embeds": embeds,
            "time_ids": sizes_of_images.expand(batch, -1),
        }

    return encode


def _passes(model: Model) -> tuple[float, float]:
    """FLOPs of a forward and of a backward pass of one image, by PyTorch's counter."""
    x = torch.randn(1, *model.shape, device=model.device)
    level, condition = model.components.process.level(500.0), model.condition(1)
    half = next(model.components.unet.parameters()).dtype == torch.bfloat16
    counts = []
    for backward in (False, True):
        with (
            FlopCounterMode(display=False) as counter,
            torch.autocast(model.device.type, torch.bfloat16, enabled=half),
        ):
            output = model.components.denoiser(x, level.on(x), **condition)
            if backward:
                output.float().square().mean().backward()
        counts.append(float(counter.get_total_flops()))
    for parameter in model.components.unet.parameters():
        parameter.grad = None
    return counts[0], counts[1] - counts[0]


def set_checkpointing(unet: Any, wanted: bool) -> None:
    unet.enable_gradient_checkpointing() if wanted else unet.disable_gradient_checkpointing()
