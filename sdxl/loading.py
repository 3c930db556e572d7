r"""Pretrained pipelines from a folder or from the Hugging Face cache: at pinned commits, as safetensors only.

Nothing is fetched unless asked for, and what cannot be loaded is one clear line that names the option.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from torch import nn
from transformers.utils import logging as transformers_logging

from ambient.denoisers import UNetDenoiser
from ambient.schedules import Schedule
from sdxl.components import DTYPES, Components
from sdxl.messages import drop_empty_messages
from sdxl.options import COMMITS, SDXL_INPAINTING, ModelOptions, Precision

_SUPPORTED = ("StableDiffusionXLPipeline", "StableDiffusionXLInpaintPipeline", "StableDiffusionPipeline")
_NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")
_PADDED = 0.01
"""Largest share of a text encoder's embeddings that may belong to no token."""


class MissingWeightsError(OSError):
    """Weights are neither in the folder named nor in the local cache."""


class UnsuitableError(ValueError):
    """A model is another than is needed, or not all of it is there."""


def load(options: ModelOptions, *, channels: int | None = 4, unet: Precision = "fp32") -> Components:
    """Load a pipeline.

    Args:
        options: Which.
        channels: Input channels that the U-Net must have: 4, or 9 for inpainting; None takes any.
        unet: Precision of the U-Net; the other parts are fp32 until `Components.to`.

    Raises:
        MissingWeightsError: If the weights are not there as safetensors, naming what is missing and what to do.
        ValueError: If it is another architecture than Stable Diffusion's, has another number of input channels, lacks
            weights, or its tokenizers are not those of its text encoders.
    """
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    drop_empty_messages()
    source, pinned = options.model, {"local_files_only": not options.download}
    where = {**pinned, "revision": options.revision or COMMITS.get(source)}
    if options.revision is not None and Path(source).is_dir():
        raise ValueError(f"--revision {options.revision}: {source} is a folder, which has none; leave it out")
    index = _in_one_line(source, "--model", lambda: _index(source, where))
    dtypes = {name: DTYPES[unet] if name == "unet" else torch.float32 for name in _NETWORKS}
    parts = {}
    if (vae := options.vae_source) is not None:
        parts["vae"] = _in_one_line(vae, "--vae", lambda: _vae(vae, pinned))
    files: dict[str, Any] = {**where, "variant": options.weights, "use_safetensors": True}
    for name in _NETWORKS:
        if name not in parts and index.get(name, (None, None))[0] is not None:
            load_part = partial(_network, source, name, *index[name], dtype=dtypes[name], **files)
            parts[name] = _in_one_line(source, "--model", load_part, f"{name}: ")
    pipeline: Any = _in_one_line(source, "--model", lambda: DiffusionPipeline.from_pretrained(source, **files, **parts))
    _check_channels(source, pipeline, channels)
    _check_tokenizers(source, pipeline)
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            part.eval().requires_grad_(False)
    denoiser = UNetDenoiser(pipeline.unet, Schedule.from_scheduler(pipeline.scheduler))
    return Components(pipeline, denoiser, options)


def _index(source: str, where: Mapping[str, Any]) -> dict[str, Any]:
    """What a pipeline says of its parts: the library and the class of each."""
    index: Any = DiffusionPipeline.load_config(source, **where)
    kind = index.get("_class_name") if isinstance(index, dict) else None
    if kind not in _SUPPORTED:
        raise UnsuitableError(f"is {f'a {kind}' if kind else 'no pipeline'}; this needs one of {', '.join(_SUPPORTED)}")
    return dict(index)


def _network(source: str, name: str, library: str, kind: str, **where: Any) -> nn.Module:
    """One network of a pipeline, with every weight from its file.

    Raises:
        UnsuitableError: If weights are missing or of another shape: they would be drawn at random.
    """
    libraries = {"diffusers": diffusers, "transformers": transformers}
    network, loaded = getattr(libraries[library], kind).from_pretrained(
        source, subfolder=name, output_loading_info=True, **where
    )
    if lacking := sorted(map(str, [*loaded["missing_keys"], *loaded["mismatched_keys"]])):
        raise UnsuitableError(
            f"lacks {len(lacking)} weights of its {name}, such as {lacking[0]}, which would be random; copy it again"
        )
    if not isinstance(network, nn.Module):
        raise UnsuitableError(f"names a {kind} as its {name}, which is no network")
    return network


def _vae(source: str, pinned: Mapping[str, Any]) -> nn.Module:
    """A VAE from its own folder or from that of a pipeline."""
    name = "vae" if (Path(source) / "vae").is_dir() else ""
    files = {**pinned, "revision": COMMITS.get(source), "use_safetensors": True}
    return _network(source, name, "diffusers", "AutoencoderKL", dtype=torch.float32, **files)


def _check_channels(source: str, pipeline: Any, channels: int | None) -> None:
    inputs = pipeline.unet.config.in_channels
    if channels is not None and inputs != channels:
        advice = "a text-to-image model" if channels == 4 else f"an inpainting model such as {SDXL_INPAINTING}"
        raise ValueError(
            f"--model {source}: its U-Net takes {inputs} channels and this needs {channels}; give {advice}"
        )


def _check_tokenizers(source: str, pipeline: Any) -> None:
    """Compare each tokenizer with its text encoder: one that is missing is made up with two tokens and no limit."""
    for name in ("", "_2"):
        encoder, tokenizer = (getattr(pipeline, f"{part}{name}", None) for part in ("text_encoder", "tokenizer"))
        if encoder is None:
            continue
        if tokenizer is None:
            raise ValueError(f"--model {source} has no tokenizer{name}; copy that folder again")
        rows = encoder.get_input_embeddings().num_embeddings
        if not (1 - _PADDED) * rows <= len(tokenizer) <= rows:
            raise ValueError(
                f"--model {source}: tokenizer{name} has {len(tokenizer)} tokens and text_encoder{name} has {rows}; "
                f"its files are missing or another model's: copy the folder tokenizer{name} again"
            )
        places = encoder.config.max_position_embeddings
        if tokenizer.model_max_length > places:
            raise ValueError(
                f"--model {source}: tokenizer{name} does not cut prompts at the {places} tokens of text_encoder{name}; "
                f"its tokenizer_config.json is missing or another model's: copy the folder tokenizer{name} again"
            )


def _in_one_line(source: str, option: str, build: Callable[[], Any], part: str = "") -> Any:
    """What `build` makes of a model or a part of it, its many failures told in one line each."""
    folder = Path(source)
    if not folder.is_dir() and (source.startswith((".", "/", "~")) or source.count("/") != 1):
        raise MissingWeightsError(f"{option} {source}: no such folder, and not a Hugging Face id (owner/name)")
    try:
        return build()
    except UnsuitableError as error:
        raise ValueError(f"{option} {source} {error}") from error
    except (OSError, ValueError, RuntimeError, AttributeError, TypeError, KeyError, SafetensorError) as error:
        reason = part + (" ".join(str(error).split()) or type(error).__name__)
        if not folder.is_dir():
            advice = "add --download to fetch it once, or give a folder that holds it"
            raise MissingWeightsError(f"{option} {source} is not in the local Hugging Face cache; {advice}") from error
        if pickles := [path for suffix in ("bin", "ckpt", "pt", "pth") for path in folder.rglob(f"*.{suffix}")]:
            raise MissingWeightsError(
                f"{option} {source}: no whole safetensors weights; {pickles[0].relative_to(folder)} is a pickle, which "
                "could run any code and is not opened: save it as safetensors where you trust it"
            ) from error
        if isinstance(error, OSError | SafetensorError) and "safetensors" in reason:
            raise MissingWeightsError(f"{option} {source}: no whole safetensors weights ({reason[:300]})") from error
        if "no file named" in reason:
            raise MissingWeightsError(f"{option} {source} is not whole: {reason[:300]}") from error
        raise ValueError(f"{option} {source} cannot be loaded as Stable Diffusion: {reason[:300]}") from error
