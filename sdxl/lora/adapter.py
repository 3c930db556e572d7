r"""Low-rank adapters of the U-Net: W x + (alpha / r) B A x on the attention projections (Hu et al. 2021), by peft.

Files are diffusers' own `pytorch_lora_weights.safetensors`, which `load_lora_weights` of an unmodified pipeline takes.
Ours say in their metadata which weights they were trained on: a probe of the U-Net's first convolution, compared with a
tolerance, so that a base loaded in another precision is still the same base.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor

from ambient.randomness import generator
from ambient.runs.checksums import verify
from ambient.runs.files import load_tensors, save_tensors
from sdxl.components import Components
from sdxl.lora.identity import FILE, base_of, file_of
from sdxl.lora.naming import PARTS, in_diffusers_naming, unet_layers

_REMEDY = "train or copy it again"
TARGETS = ("to_q", "to_k", "to_v", "to_out.0")
"""The layers adapted: those of diffusers' SDXL example, which P1 follows."""


def attach(components: Components, rank: int = 4, seed: int = 0) -> None:
    """Put a fresh fp32 adapter on the U-Net: A Gaussian, B zero, so that the model is as before; only it is trained.

    Raises:
        ValueError: If the rank is below 1.
    """
    if rank < 1:
        raise ValueError(f"rank {rank}: a LoRA has rank 1 or more")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("training", seed).initial_seed())
        components.unet.add_adapter(
            LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=list(TARGETS))
        )
    for parameter in components.unet.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def save(components: Components, path: Path, weights: Mapping[str, Tensor] | None = None) -> None:
    """Write the adapter as diffusers does, with the probe of its base.

    Args:
        components: The model with the adapter.
        path: The file.
        weights: Other values of the adapter's parameters, by their names in the U-Net; its own by default.
    """
    state = get_peft_model_state_dict(components.unet, None if weights is None else dict(weights))
    tensors = {f"unet.{name}": value for name, value in convert_state_dict_to_diffusers(state).items()}
    save_tensors(path, tensors, {"ambient_base": json.dumps(base_of(components))})


def load(components: Components, source: str | Path) -> None:
    """Load an adapter for inference through diffusers' `load_lora_weights`, all of it or nothing.

    Args:
        components: The model, without an adapter.
        source: A file in diffusers', peft's or kohya's naming, or the folder that holds it.

    Raises:
        ValueError: If there is no such file, it is damaged, was trained on another base, or does not land as a whole
            in the model, naming keys and layers.
    """
    path = _checked(components, source)
    tensors, facts = _read(path)
    named = in_diffusers_naming(path, tensors, components)
    layers = unet_layers(path, named, components)
    pipeline = components.pipeline
    own = "lora_adapter_metadata" in facts  # where diffusers has written alpha
    try:
        if own:
            pipeline.load_lora_weights(path.parent, weight_name=path.name, local_files_only=True)
        else:
            pipeline.load_lora_weights(named)
    except (OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError) as error:
        raise _does_not_fit(path, components, " ".join(str(error).split())[:200]) from error
    landed = sum(_adapters(getattr(pipeline, part, None)) for part in PARTS)
    if landed != len(named) or (layers and not _adapters(components.unet)):
        pipeline.unload_lora_weights()
        raise _does_not_fit(path, components, f"{landed} of its {len(named)} tensors land in the model")
    components.unet.requires_grad_(False)


def warm_start(components: Components, source: str | Path) -> None:
    """Copy a saved adapter, in diffusers', peft's or kohya's naming, into the one that `attach` made.

    Raises:
        ValueError: As `load`, or if it adapts other layers, or the ranks differ.
    """
    path = _checked(components, source)
    tensors, facts = _read(path)
    if "lora_adapter_metadata" in facts:
        tensors = _with_scale(path, tensors, json.loads(facts["lora_adapter_metadata"]))
    named = in_diffusers_naming(path, tensors, components)
    if others := [name for name in named if not name.startswith("unet.")]:
        raise ValueError(f"{path} adapts text encoders ({others[0]}), which training does not; start from another")
    layers = unet_layers(path, named, components)
    ours = get_peft_model_state_dict(components.unet)
    wanted = {name.removesuffix(".lora_A.weight"): value for name, value in ours.items() if ".lora_A." in name}
    if different := sorted(wanted.keys() ^ layers.keys()):
        holder = "the adapter that is trained" if different[0] in wanted else path
        raise ValueError(
            f"{path} adapts other layers than are trained: {len(different)} differ, such as {different[0]}, which "
            f"only {holder} has; start from another"
        )
    ranks = sorted({len(layer.a) for layer in layers.values()})
    if any(len(layer.a) != len(wanted[name]) for name, layer in layers.items()):
        raise ValueError(f"{path} (rank {', '.join(map(str, ranks))}) does not fit this adapter; use its --rank")
    state = {f"{name}.lora_A.weight": layer.a for name, layer in layers.items()}
    state |= {f"{name}.lora_B.weight": layer.b for name, layer in layers.items()}
    set_peft_model_state_dict(components.unet, state)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a file."""
    tensors, facts = load_tensors(path, foreign=True, remedy=_REMEDY)
    if not tensors:
        raise ValueError(f"{path} holds no tensors; train or copy it again")
    return tensors, facts


def _with_scale(path: Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> dict[str, Tensor]:
    """alpha / r, as diffusers has written it, put into B."""
    alpha, rank = config.get("unet.lora_alpha"), config.get("unet.r")
    if not alpha or not rank or config.get("unet.alpha_pattern") or config.get("unet.rank_pattern"):
        raise ValueError(f"{path} does not have one alpha and one rank for all layers; start from another")
    scale = alpha / (rank**0.5 if config.get("unet.use_rslora") else rank)
    ups = re.compile(r"lora_B\.weight$|up\.weight$")
    return {name: value.float() * scale if ups.search(name) else value for name, value in tensors.items()}


def _adapters(part: Any) -> int:
    """Number of tensors of adapters in a part of a pipeline."""
    return 0 if part is None else sum(".lora_" in name for name, _ in part.named_parameters())


def _checked(components: Components, source: str | Path) -> Path:
    """The file of an adapter for this base."""
    path = file_of(source)
    if not path.is_file():
        raise ValueError(f"{path} does not exist; give the {FILE} of a training run, or its folder")
    facts = verify(path, foreign=True, remedy=_REMEDY)
    if "ambient_base" in facts:
        verify(path, remedy=_REMEDY)  # ours, so it has a checksum
        base, here = json.loads(facts["ambient_base"]), base_of(components)
        there, ours = torch.tensor(base["probe"]), torch.tensor(here["probe"])
        if len(there) != len(ours) or not torch.allclose(there, ours, rtol=0.02, atol=1e-3 * float(there.abs().max())):
            raise ValueError(
                f"{path} was trained on other weights ({base['model']}) than these ({here['model']}); use its --model"
            )
    return path


def _does_not_fit(path: Path, components: Components, reason: str) -> ValueError:
    return ValueError(f"{path} does not fit {components.options.model}: it is an adapter of another model ({reason})")
