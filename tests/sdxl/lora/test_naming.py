"""LoRA files in the namings of diffusers, peft and kohya: converted as a whole, or refused by name."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from sdxl import lora
from sdxl.components import Components
from sdxl.loading import load
from sdxl.options import ModelOptions
from tests.sdxl.conftest import make_lora

Weights = dict[str, Tensor]


def _output(components: Components) -> Tensor:
    x = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return components.denoiser(x, components.process.level(500.0), **components.encode_prompts(["a cat", ""]))


def _loaded(xl: Path, source: Path) -> Tensor:
    """What the model says with a LoRA."""
    components = load(ModelOptions(str(xl)))
    lora.load(components, source)
    return _output(components)


def _started(xl: Path, source: Path, rank: int = 4) -> Tensor:
    """What the model says whose training starts from a LoRA."""
    components = load(ModelOptions(str(xl)))
    lora.attach(components, rank)
    lora.warm_start(components, source)
    return _output(components)


@pytest.fixture(scope="module")
def weights(xl: Path, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """A LoRA in diffusers' naming that changes the model."""
    return safetensors.torch.load_file(make_lora(xl, tmp_path_factory.mktemp("ours")) / lora.FILE)


def _layer(name: str) -> tuple[str, str]:
    """The layer of a tensor in diffusers' naming, and whether it is "A" or "B"."""
    matched = re.fullmatch(r"unet\.(.+)\.lora[._](?:(A|B)|(down|up))\.weight", name)
    assert matched is not None
    return matched[1], matched[2] or {"down": "A", "up": "B"}[matched[3]]


def _kohya(weights: Weights, alphas: dict[str, float], blocks: str = "diffusers") -> Weights:
    named: Weights = {}
    for name, value in weights.items():
        layer, which = _layer(name)
        flat = "lora_unet_" + layer.replace(".", "_")
        if blocks == "original":
            flat = _original(flat)
        named[f"{flat}.lora_{'down' if which == 'A' else 'up'}.weight"] = value
        named[f"{flat}.alpha"] = torch.tensor(alphas[layer])
    return named


def _original(name: str) -> str:
    """The original code's names of blocks, for levels of layers_per_block = 1."""
    name = re.sub(
        r"down_blocks_(\d)_attentions_(\d)", lambda m: f"input_blocks_{2 * int(m[1]) + int(m[2]) + 1}_1", name
    )
    name = re.sub(r"up_blocks_(\d)_attentions_(\d)", lambda m: f"output_blocks_{2 * int(m[1]) + int(m[2])}_1", name)
    return name.replace("mid_block_attentions_0", "middle_block_1")


def _peft(weights: Weights, inner: str = "") -> Weights:
    layers = ((*_layer(name), value) for name, value in weights.items())
    return {f"base_model.model.{inner}{layer}.lora_{which}.weight": value for layer, which, value in layers}


def _alphas(weights: Weights, alpha: float) -> dict[str, float]:
    return dict.fromkeys(sorted({_layer(name)[0] for name in weights}), alpha)


def _save(weights: Weights, path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    safetensors.torch.save_file({name: value.contiguous() for name, value in weights.items()}, path)
    return path


def test_every_naming_is_the_same_adapter(xl: Path, weights: Weights, tmp_path: Path) -> None:
    """peft's (also around a pipeline's part), kohya's with both names of blocks, bare names of layers."""
    alphas = _alphas(weights, 4.0)
    files = {
        "peft": _peft(weights),
        "peft-unet": _peft(weights, "unet."),
        "peft-default": {name.replace(".weight", ".default.weight"): value for name, value in _peft(weights).items()},
        "kohya": _kohya(weights, alphas),
        "kohya-original": _kohya(weights, alphas, "original"),
        "bare": {name.removeprefix("unet."): value for name, value in weights.items()},
    }
    expected = _loaded(xl, _save(weights, tmp_path / "diffusers.safetensors"))
    assert not torch.allclose(expected, _output(load(ModelOptions(str(xl)))), atol=1e-2)
    for name, content in files.items():
        path = _save(content, tmp_path / f"{name}.safetensors")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for use in (_loaded, _started):
                torch.testing.assert_close(use(xl, path), expected, rtol=1e-5, atol=1e-5)


def test_alpha_is_a_part_of_the_adapter(xl: Path, weights: Weights, tmp_path: Path) -> None:
    """Against B scaled by hand: one alpha for all, as diffusers loads it too, and one for each layer."""

    def scaled(factors: dict[str, float]) -> Tensor:
        content = dict(weights)
        for name in content:
            layer, which = _layer(name)
            if which == "B":
                content[name] = content[name] * factors[layer]
        return _loaded(xl, _save(content, tmp_path / "scaled.safetensors"))

    half = _save(_kohya(weights, _alphas(weights, 2.0)), tmp_path / "half.safetensors")
    expected = scaled(_alphas(weights, 0.5))
    for use in (_loaded, _started):
        torch.testing.assert_close(use(xl, half), expected, rtol=1e-4, atol=1e-4)
    own = load(ModelOptions(str(xl)))
    pipeline = StableDiffusionXLPipeline.from_pretrained(xl)
    pipeline.load_lora_weights(half)
    own.denoiser.unet = pipeline.unet
    torch.testing.assert_close(_output(Components(pipeline, own.denoiser, own.options)), expected, rtol=1e-4, atol=1e-4)
    mixed = {layer: 1.0 + i % 3 for i, layer in enumerate(_alphas(weights, 1.0))}
    path = _save(_kohya(weights, mixed), tmp_path / "mixed.safetensors")
    expected = scaled({layer: alpha / 4 for layer, alpha in mixed.items()})
    torch.testing.assert_close(_loaded(xl, path), expected, rtol=1e-4, atol=1e-4)
    folder = _save(_peft(weights), tmp_path / "peft" / "adapter_model.safetensors").parent
    (folder / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8}))
    torch.testing.assert_close(_loaded(xl, folder), scaled(_alphas(weights, 2.0)), rtol=1e-4, atol=1e-4)
    (folder / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8, "use_dora": True}))
    with pytest.raises(ValueError, match=r"adapter_config\.json asks for use_dora, which this does not know"):
        _loaded(xl, folder)


def test_what_peft_did_not_say_is_said(xl: Path, weights: Weights, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"no adapter_config\.json beside it: alpha / r is taken as 1"):
        _loaded(xl, _save(_peft(weights), tmp_path / "peft.safetensors"))


@pytest.mark.parametrize("use", [_loaded, _started])
def test_what_does_not_land_is_named(
    use: Callable[[Path, Path], Tensor], xl: Path, weights: Weights, tmp_path: Path
) -> None:
    first = next(iter(weights))
    layer = re.escape(_layer(first)[0])
    wide = {name: torch.cat([value, value], 1) if _layer(name)[1] == "A" else value for name, value in weights.items()}
    wrong: dict[str, tuple[Weights, str]] = {
        "layers": (
            {name.replace("down_blocks", "down_block"): value for name, value in weights.items()},
            r"of its \d+ layers are not in this U-Net, such as down_block\.1",
        ),
        "one": (
            {**weights, "unet.extra.lora.down.weight": torch.zeros(4, 8)},
            "not in this U-Net, such as extra",
        ),
        "half": ({name: value for name, value in weights.items() if name != first}, f"lacks A or B of {layer}"),
        "shape": (wide, r"is \d+x\d+ there, and the adapter's B A is \d+x4 4x\d+"),
        "kind": ({"unet.mid_block.hada_w1_a": torch.zeros(2, 2)}, r"holds unet\.mid_block\.hada_w1_a, which is no A"),
        "mixture": (
            {**_kohya(weights, _alphas(weights, 4.0)), "unet.a.lora.up.weight": torch.zeros(1)},
            r"in kohya's naming but for unet\.a",
        ),
        "kohya": ({"lora_unet_nowhere.lora_down.weight": torch.zeros(4, 4)}, "diffusers cannot convert it"),
        "nothing": ({}, "holds no tensors"),
    }
    for name, (content, message) in wrong.items():
        path = _save(content, tmp_path / f"{name}.safetensors")
        with pytest.raises(ValueError, match=message) as error:
            use(xl, path)
        assert str(path) in str(error.value)


def test_adapters_of_text_encoders_are_used_but_not_started_from(xl: Path, weights: Weights, tmp_path: Path) -> None:
    """As diffusers uses them; training adapts the U-Net alone."""
    stem = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer"
    g = torch.Generator().manual_seed(0)
    more = {
        f"{stem}.down.weight": torch.randn(4, 32, generator=g),
        f"{stem}.up.weight": torch.randn(32, 4, generator=g),
    }
    path = _save({**weights, **more}, tmp_path / "both.safetensors")
    alone = _save(weights, tmp_path / "alone.safetensors")
    assert not torch.allclose(_loaded(xl, path), _loaded(xl, alone), atol=1e-4)
    with pytest.raises(ValueError, match=r"adapts text encoders \(text_encoder\..*\), which training does not"):
        _started(xl, path)
    strange = {name.replace("layers.0", "layers.99"): value for name, value in more.items()}
    with pytest.raises(ValueError, match="does not fit"):
        _loaded(xl, _save({**weights, **strange}, tmp_path / "strange.safetensors"))


def test_a_start_adapts_the_same_layers_at_the_same_rank(xl: Path, weights: Weights, tmp_path: Path) -> None:
    fewer = {name: value for name, value in weights.items() if "mid_block" not in name}
    with pytest.raises(ValueError, match=r"adapts other layers than are trained: \d+ differ, such as mid_block"):
        _started(xl, _save(fewer, tmp_path / "fewer.safetensors"))
    with pytest.raises(ValueError, match=r"\(rank 4\) does not fit this adapter; use its --rank"):
        _started(xl, _save(weights, tmp_path / "whole.safetensors"), rank=2)
