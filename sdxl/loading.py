r"""Pretrained pipelines from a folder or from the Hugging Face cache: at pinned commits, as safetensors only.

Nothing is fetched unless asked for, and what cannot be loaded is one clear line that names the option.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers.utils import logging as transformers_logging

from ambient.denoisers import UNetDenoiser
from ambient.schedules import Schedule
from sdxl.components import DTYPES, Components
from sdxl.options import COMMITS, SDXL_INPAINTING, ModelOptions, Precision

_SUPPORTED = ("StableDiffusionXLPipeline", "StableDiffusionXLInpaintPipeline", "StableDiffusionPipeline")


class MissingWeightsError(OSError):
    """Weights are neither in the folder named nor in the local cache."""


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
    inputs = pipeline.unet.config.in_channels
    if channels is not None and inputs != channels:
        raise ValueError(
            f"--model {options.model}: its U-Net takes {inputs} channels and this needs {channels}; "
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
    revision = COMMITS.get(source)
    vae: AutoencoderKL = AutoencoderKL.from_pretrained(source, revision=revision, dtype=torch.float32, **own, **pinned)
    return vae


def _checked(source: str, option: str, build: Callable[[], Any]) -> Any:
    """What `build` makes, its many failures told in one line each."""
    folder = Path(source)
    if not folder.is_dir() and (source.startswith((".", "/", "~")) or source.count("/") != 1):
        raise MissingWeightsError(f"{option} {source}: no such folder, and not a Hugging Face id (owner/name)")
    try:
        return build()
    except (OSError, ValueError, RuntimeError, AttributeError, TypeError, KeyError, SafetensorError) as error:
        if damaged := _damaged_weights(folder):
            raise MissingWeightsError(f"{option} {source}: {damaged}; copy the model again") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        if not folder.is_dir():
            advice = "add --download to fetch it once, or give a folder that holds it"
            raise MissingWeightsError(f"{option} {source} is not in the local Hugging Face cache; {advice}") from error
        if (isinstance(error, OSError) and "safetensors" in reason) or "no file named" in reason:
            raise MissingWeightsError(f"{option} {source}: no whole safetensors weights ({reason[:300]})") from error
        raise ValueError(f"{option} {source} cannot be loaded as Stable Diffusion: {reason[:300]}") from error


def _damaged_weights(folder: Path) -> str:
    """The first file of weights in a folder that is cut off or altered in its header, and why; "" if there is none."""
    for path in sorted(folder.rglob("*.safetensors")) if folder.is_dir() else []:
        try:
            with safe_open(path, "pt") as file:
                file.keys()
        except (OSError, SafetensorError) as error:
            return f"{path} is damaged ({error})"
    return ""
