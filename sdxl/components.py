r"""Stable Diffusion's parts, loaded once, with the denoiser E[X_0 | X_t] that they make.

X_0 is a scaled latent: z = scaling_factor * (mean of the VAE's encoder), (B, 4, H / 8, W / 8), and the U-Net's output
becomes E[X_0 | X_t] by `ambient.denoisers.UNetDenoiser`, at the thousand levels of the scheduler. The condition is a
flat dictionary of tensors with one row for each sample, so that batches of it can be cut like everything else:

    encoder_hidden_states  (B, 77, D)    the text encoders' states
    text_embeds            (B, P)        SDXL only: the pooled projection of the second encoder
    time_ids               (B, 6)        SDXL only: height and width before, top and left of the crop, and after it

Weights come from a folder or from the Hugging Face cache, at pinned commits and as safetensors only; they are fetched
only if asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from ambient.denoisers import UNetDenoiser
from ambient.process import Discrete
from ambient.schedules import Schedule

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
SDXL_INPAINTING = "diffusers/stable-diffusion-xl-1.0-inpainting-0.1"
FP16_VAE = "madebyollin/sdxl-vae-fp16-fix"
COMMITS = {
    SDXL: "462165984030d82259a11f4367a4eed129e94a7b",
    SDXL_INPAINTING: "115134f363124c53c7d878647567d04daf26e41e",
    FP16_VAE: "207b116dae70ace3637169f1ddd2434b91b3a8cd",
}
"""The commits of the default models that are loaded unless another revision is named."""

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_SUPPORTED = ("StableDiffusionXLPipeline", "StableDiffusionXLInpaintPipeline", "StableDiffusionPipeline")


class MissingWeightsError(OSError):
    """Weights are neither in the folder named nor in the local cache."""


class VAEOverflowError(FloatingPointError):
    """The VAE's activations left the range of its number format."""


@dataclass(frozen=True)
class ModelOptions:
    """Which pretrained model."""

    model: str = SDXL
    """Hugging Face id or folder of a Stable Diffusion XL, XL inpainting, 1 or 2 pipeline."""
    revision: str | None = None
    """Commit of the model on the hub; the defaults are pinned."""
    vae: str | None = None
    """Id or folder of another VAE; for the default model the one that does not overflow in fp16."""
    weights: Literal["fp16"] | None = None
    """fp16 loads the published half-precision files, half as large."""
    download: bool = False
    """Fetch from the Hugging Face hub what is not in the local cache."""

    @property
    def vae_source(self) -> str | None:
        """The VAE to load in place of the model's own."""
        return FP16_VAE if self.vae is None and self.model in (SDXL, SDXL_INPAINTING) else self.vae


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
        return self.unet.config.addition_embed_type == "text_time"

    @property
    def device(self) -> torch.device:
        """Where the U-Net is."""
        return next(self.unet.parameters()).device

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
        latents = vae.encode(images.to(vae.device, vae.dtype)).latent_dist.mean
        self._check_finite(latents, "encoding")
        return (latents.float() - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor

    @torch.no_grad()
    def decode_latents(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) float32, in [-1, 1] up to overshoot, of scaled latents. Raises as `encode_images`."""
        vae = self.pipeline.vae
        scaled = latents.float() / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
        images = vae.decode(scaled.to(vae.device, vae.dtype)).sample
        self._check_finite(images, "decoding")
        return images.float()

    @torch.no_grad()
    def encode_prompts(
        self, prompts: Sequence[str], size: Tensor | int | None = None, unconditional: bool = False
    ) -> dict[str, Tensor]:
        """The condition of each prompt; "" is the null caption.

        Args:
            prompts: B captions; what exceeds 77 tokens is cut.
            size: SDXL's time_ids, (B, 6), or the side of square images; by default the model's own resolution.
            unconditional: Give instead what the pipeline guides away from (for SDXL zeros).

        Returns:
            A row for each prompt, on the U-Net's device, in the text encoders' precision; see the module.
        """
        embeddings = self.pipeline.encode_prompt(
            list(prompts), device=self.device, num_images_per_prompt=1, do_classifier_free_guidance=unconditional
        )
        states, pooled = embeddings[unconditional::2][:2] if self.is_xl else (embeddings[unconditional], None)
        condition = {"encoder_hidden_states": states}
        if pooled is not None:
            condition |= {"text_embeds": pooled, "time_ids": self.time_ids(len(prompts), size).to(pooled)}
        return condition

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


def load(options: ModelOptions, *, channels: int | None = 4, unet: Precision = "fp32") -> Components:
    """Load a pipeline.

    Args:
        options: Which.
        channels: Input channels that the U-Net must have: 4, or 9 for inpainting; None takes any.
        unet: Precision of the U-Net; the other parts are fp32 until `Components.to`.

    Raises:
        MissingWeightsError: If the weights are not there, naming what is missing and what to do.
        ValueError: If it is another architecture than Stable Diffusion's, or has another number of input channels.
    """
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    diffusers_logging.set_verbosity_error()
    pinned = {"local_files_only": not options.download, "use_safetensors": True}
    extra: dict[str, Any] = {}
    if (vae := options.vae_source) is not None:
        extra["vae"] = _checked(vae, "--vae", lambda: _load_vae(vae, pinned))
    revision = options.revision or COMMITS.get(options.model)
    dtypes = {"unet": DTYPES[unet], "default": torch.float32}
    arguments = {**pinned, "revision": revision, "variant": options.weights, "dtype": dtypes, **extra}
    pipeline = _checked(options.model, "--model", lambda: DiffusionPipeline.from_pretrained(options.model, **arguments))
    kind = type(pipeline).__name__
    if kind not in _SUPPORTED:
        raise ValueError(f"--model {options.model} is a {kind}; this needs one of {', '.join(_SUPPORTED)}")
    found = pipeline.unet.config.in_channels
    if channels is not None and found != channels:
        raise ValueError(
            f"--model {options.model}: its U-Net takes {found} channels and this needs {channels}; "
            + ("give a text-to-image model" if channels == 4 else f"give an inpainting model such as {SDXL_INPAINTING}")
        )
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            part.eval().requires_grad_(False)
    denoiser = UNetDenoiser(pipeline.unet, Schedule.from_scheduler(pipeline.scheduler))
    return Components(pipeline, denoiser, options)


def _load_vae(source: str, pinned: Mapping[str, Any]) -> AutoencoderKL:
    """A VAE from its own folder or from that of a pipeline."""
    own = {"subfolder": "vae"} if (Path(source) / "vae").is_dir() else {}
    return AutoencoderKL.from_pretrained(source, revision=COMMITS.get(source), dtype=torch.float32, **own, **pinned)


def _checked(source: str, option: str, build: Callable[[], Any]) -> Any:
    """What `build` makes, its many failures told in one line each."""
    folder = Path(source)
    if not folder.is_dir() and (source.startswith((".", "/", "~")) or source.count("/") != 1):
        raise MissingWeightsError(f"{option} {source}: no such folder, and not a Hugging Face id (owner/name)")
    try:
        return build()
    except (OSError, ValueError, RuntimeError, AttributeError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if not folder.is_dir():
            advice = "add --download to fetch it once, or give a folder that holds it"
            raise MissingWeightsError(f"{option} {source} is not in the local Hugging Face cache; {advice}") from error
        if (isinstance(error, OSError) and "safetensors" in reason) or "no file named" in reason:
            raise MissingWeightsError(f"{option} {source}: no whole safetensors weights ({reason[:300]})") from error
        raise ValueError(f"{option} {source} cannot be loaded as Stable Diffusion: {reason[:300]}") from error
