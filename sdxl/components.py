r"""Stable Diffusion's parts, with the denoiser E[X_0 | X_t] that they make.

X_0 is a scaled latent: z = scaling_factor * (mean of the VAE's encoder), (B, 4, H / 8, W / 8), and the U-Net's output
becomes E[X_0 | X_t] by `ambient.denoisers.UNetDenoiser`, at the thousand levels of the scheduler. The condition is a
flat dictionary of tensors with one row for each sample, so that batches of it can be cut like everything else:

    encoder_hidden_states  (B, 77, D)    the text encoders' states
    text_embeds            (B, P)        SDXL only: the pooled projection of the second encoder
    time_ids               (B, 6)        SDXL only: height and width before, top and left of the crop, and after it

`sdxl.loading` reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ambient.denoisers import UNetDenoiser
from ambient.schedules import Discrete
from sdxl.options import FP16_VAE, ModelOptions, Precision

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class VAEOverflowError(FloatingPointError):
    """The VAE's activations left the range of its number format."""


@dataclass(frozen=True, eq=False)
class Components:
    """A loaded pipeline and what this package needs of it.

    Attributes:
        pipeline: The diffusers pipeline, all parts in evaluation mode without gradient.
        denoiser: E[X_0 | X_t] of its U-Net, in scaled latents.
        options: Where it came from.
    """

    pipeline: Any
    denoiser: UNetDenoiser
    options: ModelOptions

    @property
    def unet(self) -> Any:
        """The U-Net."""
        return self.pipeline.unet

    @property
    def process(self) -> Discrete:
        """The levels of the scheduler; time is the 0-based training step, as P1's t_n."""
        return self.denoiser.process

    @property
    def is_xl(self) -> bool:
        """Whether the U-Net takes SDXL's pooled embedding and sizes."""
        return bool(self.unet.config.addition_embed_type == "text_time")

    @property
    def device(self) -> torch.device:
        """Where the U-Net is."""
        device: torch.device = next(self.unet.parameters()).device
        return device

    @property
    def resolution(self) -> int:
        """Side of the images that the model was made for, in pixels."""
        return int(self.unet.config.sample_size * self.pipeline.vae_scale_factor)

    def latent_shape(self, resolution: int) -> tuple[int, int, int]:
        """Shape of the latents of square images.

        Raises:
            ValueError: If the side is not a multiple of what the VAE and the U-Net divide it by.
        """
        factor = self.pipeline.vae_scale_factor
        multiple = factor * 2 ** (len(self.unet.config.block_out_channels) - 1)
        if resolution < multiple or resolution % multiple:
            raise ValueError(f"resolution {resolution}: this model needs a multiple of {multiple} pixels")
        return self.pipeline.vae.config.latent_channels, resolution // factor, resolution // factor

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> Tensor:
        """Scaled latents (B, 4, H / 8, W / 8) float32 of images (B, 3, H, W) in [-1, 1]: the mean of the encoder.

        Raises:
            VAEOverflowError: If they are not finite, as with SDXL's own VAE in fp16.
        """
        vae = self.pipeline.vae
        latents: Tensor = vae.encode(images.to(vae.device, vae.dtype)).latent_dist.mean
        self._check_finite(latents, "encoding")
        return (latents.float() - (vae.config.shift_factor or 0.0)) * float(vae.config.scaling_factor)

    @torch.no_grad()
    def decode_latents(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) float32, in [-1, 1] up to overshoot, of scaled latents. Raises as `encode_images`."""
        vae = self.pipeline.vae
        scaled = latents.float() / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
        images: Tensor = vae.decode(scaled.to(vae.device, vae.dtype)).sample
        self._check_finite(images, "decoding")
        return images.float()

    @torch.no_grad()
    def encode_prompts(
        self, prompts: Sequence[str], size: Tensor | int | None = None, unconditional: bool = False
    ) -> dict[str, Tensor]:
        """The condition of each prompt; "" is the null caption.

        Args:
            prompts: B captions; what exceeds 77 tokens is cut (`sdxl.lengths` counts those).
            size: SDXL's time_ids, (B, 6), or the side of square images; by default the model's own resolution.
            unconditional: Give instead what the pipeline guides away from (for SDXL zeros).

        Returns:
            A row for each prompt, on the U-Net's device, in the text encoders' precision; see the module.
        """
        embeddings = self.pipeline.encode_prompt(
            list(prompts), device=self.device, num_images_per_prompt=1, do_classifier_free_guidance=unconditional
        )
        if not self.is_xl:
            states, negative = embeddings
            return {"encoder_hidden_states": negative if unconditional else states}
        states, negative, pooled, negative_pooled = embeddings
        if unconditional:
            states, pooled = negative, negative_pooled
        sizes = self.time_ids(len(prompts), size).to(pooled)
        return {"encoder_hidden_states": states, "text_embeds": pooled, "time_ids": sizes}

    def time_ids(self, batch: int, size: Tensor | int | None = None) -> Tensor:
        """SDXL's sizes, (B, 6) float32: of uncropped square images unless `size` is (B, 6) itself."""
        if isinstance(size, Tensor):
            return size
        side = float(self.resolution if size is None else size)
        return torch.tensor([side, side, 0.0, 0.0, side, side], device=self.device).expand(batch, 6)

    def to(self, device: torch.device | str, unet: Precision = "fp32", others: Precision | None = "fp32") -> Components:
        """Move the parts to a device and to their precisions, all but the U-Net only if they have one; returns self."""
        for name, part in self.pipeline.components.items():
            precision = unet if name == "unet" else others
            if isinstance(part, nn.Module) and precision is not None:
                part.to(device, DTYPES[precision])
        return self

    def _check_finite(self, values: Tensor, doing: str) -> None:
        if not bool(values.isfinite().all()):
            vae = self.pipeline.vae
            name = self.options.vae_source or f"the VAE of {self.options.model}"
            raise VAEOverflowError(
                f"{name} overflows when {doing} in {str(vae.dtype).removeprefix('torch.')}: "
                f"use --vae {FP16_VAE}, or --precision bf16 or fp32"
            )
