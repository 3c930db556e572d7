r"""Low-rank adapters of the U-Net: W x + (alpha / r) B A x on the attention projections (Hu et al. 2021), by peft.

Files are diffusers' own `pytorch_lora_weights.safetensors`, which `load_lora_weights` of an unmodified pipeline takes.
Ours say in their metadata which weights they were trained on: a probe of the U-Net's first convolution, compared with a
tolerance, so that a base loaded in another precision is still the same base.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers, convert_unet_state_dict_to_peft
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor

from ambient.randomness import generator
from ambient.runs.checksums import verify
from ambient.runs.files import load_tensors, save_tensors
from sdxl.components import Components
from sdxl.lora.identity import FILE, base_of, file_of

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
    """Load an adapter for inference through diffusers' `load_lora_weights`.

    Args:
        components: The model, without an adapter.
        source: The file, or the folder that holds it.

    Raises:
        ValueError: If there is no such file, it is damaged, or it was trained on another base.
    """
    path = _checked(components, source)
    try:
        components.pipeline.load_lora_weights(path.parent, weight_name=path.name, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, IndexError) as error:
        raise _does_not_fit(path, components, error) from error
    components.unet.requires_grad_(False)


def warm_start(components: Components, source: str | Path) -> None:
    """Copy a saved adapter into the one that `attach` made.

    Raises:
        ValueError: As `load`, or if the ranks differ.
    """
    path = _checked(components, source)
    tensors, _ = load_tensors(path, foreign=True)
    ours = get_peft_model_state_dict(components.unet)
    state = convert_unet_state_dict_to_peft({name.removeprefix("unet."): value for name, value in tensors.items()})
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    if {name: tuple(value.shape) for name, value in ours.items()} != shapes:
        ranks = {min(shape) for shape in shapes.values()}
        raise ValueError(
            f"{path} (rank {', '.join(map(str, sorted(ranks)))}) does not fit this adapter; use its --rank"
        )
    set_peft_model_state_dict(components.unet, state)


def _checked(components: Components, source: str | Path) -> Path:
    """The file of an adapter for this base."""
    path = file_of(source)
    if not path.is_file():
        raise ValueError(f"{path} does not exist; give the {FILE} of a training run, or its folder")
    facts = verify(path, foreign=True, remedy="train or copy it again")
    if "ambient_base" in facts:
        verify(path, remedy="train or copy it again")  # ours, so it has a checksum
        base, here = json.loads(facts["ambient_base"]), base_of(components)
        there, ours = torch.tensor(base["probe"]), torch.tensor(here["probe"])
        if len(there) != len(ours) or not torch.allclose(there, ours, rtol=0.02, atol=1e-3 * float(there.abs().max())):
            raise ValueError(
                f"{path} was trained on other weights ({base['model']}) than these ({here['model']}); use its --model"
            )
    return path


def _does_not_fit(path: Path, components: Components, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:200]
    return ValueError(f"{path} does not fit {components.options.model}: it is an adapter of another model ({reason})")
