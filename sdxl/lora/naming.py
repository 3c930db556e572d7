r"""The namings of LoRA files, and whether all of a file's layers are layers of the model.

    diffusers    unet.down_blocks.1.attentions.0...attn1.to_q.lora.down.weight (or lora_A, or without "unet.")
    peft         base_model.model.down_blocks.1.attentions.0...attn1.to_q.lora_A.weight
    kohya        lora_unet_down_blocks_1_attentions_0_..._attn1_to_q.lora_down.weight, with alpha beside it; also with
                 the original code's names of blocks (input_blocks, middle_block, output_blocks)

A layer is W x + (alpha / r) B A x. A file that does not give alpha means alpha = r; peft writes it into
adapter_config.json beside its file. Where it is given, alpha / r becomes a part of B, so that the tensors alone say
what the layer is.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers.utils.state_dict_utils import convert_unet_state_dict_to_peft
from torch import Tensor, nn

from sdxl.components import Components

PARTS = ("unet", "text_encoder", "text_encoder_2")
"""The parts of a pipeline that adapters may change."""
_PEFT = "base_model.model."
_KOHYA = ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_")
_CONFIG = "adapter_config.json"


@dataclass(frozen=True, eq=False)
class Layer:
    """One adapted layer of the U-Net.

    Attributes:
        a: A, (r, *) as the layer's inputs.
        b: B, (outputs, r, ...), with alpha / r in it.
    """

    a: Tensor
    b: Tensor


def in_diffusers_naming(path: Path, tensors: Mapping[str, Tensor], components: Components) -> dict[str, Tensor]:
    """The tensors of a LoRA file as "PART.LAYER.lora...", PART one of `PARTS`, with alpha / r in B.

    Args:
        path: The file, for messages, and for what peft writes beside it.
        tensors: What it holds.
        components: The model.

    Raises:
        ValueError: If the file is not in one of the namings, naming keys.
    """
    if any(name.startswith(_KOHYA) for name in tensors):
        return _from_kohya(path, tensors, components)
    named = {}
    for name, value in tensors.items():
        key = re.sub(r"\.(lora_[AB])\.[^.]+\.weight$", r".\1.weight", name.removeprefix(_PEFT))
        named[key if key.startswith(tuple(f"{part}." for part in PARTS)) else f"unet.{key}"] = value
    if any(name.startswith(_PEFT) for name in tensors):
        scale = _peft_scale(path)
        named = {key: value * scale if ".lora_B." in key else value for key, value in named.items()}
    if strange := [name for name in named if not re.search(r"lora_(A|B)\.weight$|lora.*\.(down|up)\.weight$", name)]:
        raise ValueError(
            f"{path} holds {_some(strange)}, which {_are(strange)} no A or B of a LoRA; give an adapter of the kind "
            "W + B A in diffusers', peft's or kohya's naming"
        )
    return named


def unet_layers(path: Path, named: Mapping[str, Tensor], components: Components) -> dict[str, Layer]:
    """The adapted layers of the U-Net, by its modules' names.

    Args:
        path: The file, for messages.
        named: Its tensors, as `in_diffusers_naming` gives them.
        components: The model.

    Raises:
        ValueError: If a tensor belongs to no layer of this U-Net, or is of another shape, naming it.
    """
    own = {name.removeprefix("unet."): value for name, value in named.items() if name.startswith("unet.")}
    tensors: dict[str, Tensor] = convert_unet_state_dict_to_peft(own)
    names = list(dict.fromkeys(re.sub(r"\.lora_[AB]\.weight$", "", name) for name in tensors))
    modules = {name: _base(module) for name, module in components.unet.named_modules()}
    model = components.options.model
    if absent := [name for name in names if name not in modules]:
        raise ValueError(
            f"{path} does not fit {model}: {len(absent)} of its {len(names)} layers are not in this U-Net, such as "
            f"{absent[0]}; it is an adapter of another model"
        )
    if alone := [name for name in names if not {f"{name}.lora_A.weight", f"{name}.lora_B.weight"} <= tensors.keys()]:
        raise ValueError(f"{path} lacks A or B of {_some(alone)}; save the adapter again")
    layers = {name: Layer(tensors[f"{name}.lora_A.weight"], tensors[f"{name}.lora_B.weight"]) for name in names}
    for name, layer in layers.items():
        shape = tuple(modules[name].weight.shape)
        if (len(layer.b), *layer.a.shape[1:]) != shape or layer.b.shape[1] != len(layer.a):
            raise ValueError(
                f"{path} does not fit {model}: {name} is {_shape(shape)} there, and the adapter's B A is "
                f"{_shape(layer.b.shape)} {_shape(layer.a.shape)}; it is an adapter of another model"
            )
    return layers


def _from_kohya(path: Path, tensors: Mapping[str, Tensor], components: Components) -> dict[str, Tensor]:
    """By diffusers' own converter; its alphas go into B, since it assigns them to names that are none of peft's."""
    if others := [name for name in tensors if not name.startswith(_KOHYA)]:
        raise ValueError(f"{path} is in kohya's naming but for {_some(others)}; give a file in one naming")
    try:
        named, alphas = components.pipeline.lora_state_dict(dict(tensors), unet_config=components.unet.config)
    except (ValueError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} is in kohya's naming, but diffusers cannot convert it ({reason})") from error
    for name, alpha in (alphas or {}).items():
        layer = name.removesuffix(".alpha")
        down = layer if layer in named else f"{layer}.lora.down.weight"
        up = down.replace(".down.", ".up.")
        named[up] = named[up].float() * (alpha / len(named[down]))
    return dict(named)


def _peft_scale(path: Path) -> float:
    """alpha / r of a file of peft's, which says it in a file beside; 1 if there is none."""
    config = path.with_name(_CONFIG)
    if not config.is_file():
        warnings.warn(f"{path} has no {_CONFIG} beside it: alpha / r is taken as 1", stacklevel=2)
        return 1.0
    try:
        facts: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
        alpha, rank = float(facts["lora_alpha"]), int(facts["r"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{config} does not say lora_alpha and r ({error}); save the adapter again") from error
    unknown = [name for name in ("alpha_pattern", "rank_pattern", "use_dora", "fan_in_fan_out") if facts.get(name)]
    if unknown or rank < 1:
        raise ValueError(f"{config} asks for {', '.join(unknown) or f'r = {rank}'}, which this does not know")
    return alpha / (rank**0.5 if facts.get("use_rslora") else rank)


def _base(module: nn.Module) -> Any:
    """The layer itself, where an adapter is around it."""
    return getattr(module, "base_layer", module)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:2])
    return shown if len(names) <= 2 else f"{shown} and {len(names) - 2} more"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
