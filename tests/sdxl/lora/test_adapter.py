from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from ambient.runs.damage import DamagedFileError
from sdxl import lora
from sdxl.components import Components
from sdxl.loading import load
from sdxl.options import ModelOptions
from sdxl.tiny import TinyOptions
from sdxl.tiny.pipeline import write_tiny


def _output(components: Components) -> Tensor:
    x = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return components.denoiser(x, components.process.level(500.0), **components.encode_prompts(["a cat", ""]))


def _adapted(xl: Path, rank: int = 4) -> Components:
    """A model with an adapter that changes it."""
    components = load(ModelOptions(str(xl)))
    lora.attach(components, rank)
    g = torch.Generator().manual_seed(1)
    for parameter in components.unet.parameters():
        if parameter.requires_grad:
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=g)
    return components


def test_a_fresh_adapter_changes_nothing_and_is_all_that_is_trained(xl: Path, components: Components) -> None:
    before = _output(components)
    lora.attach(components, 3, seed=5)
    assert torch.equal(_output(components), before)
    trained = {name: p for name, p in components.unet.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_" in name and p.dtype == torch.float32 for name, p in trained.items())
    assert {min(p.shape) for p in trained.values()} == {3}
    again = load(ModelOptions(str(xl)))
    lora.attach(again, 3, seed=5)
    assert all(torch.equal(p, dict(again.unet.named_parameters())[name]) for name, p in trained.items())


def test_the_update_is_alpha_over_r_times_b_a(xl: Path) -> None:
    """The model with the adapter is the model whose projections are W + B A (alpha = r)."""
    adapted, plain = _adapted(xl), load(ModelOptions(str(xl)))
    weights = dict(adapted.unet.named_parameters())
    with torch.no_grad():
        for name, weight in plain.unet.named_parameters():
            stem = name.removesuffix(".weight")
            if f"{stem}.lora_A.default.weight" in weights:
                weight += weights[f"{stem}.lora_B.default.weight"] @ weights[f"{stem}.lora_A.default.weight"]
    torch.testing.assert_close(_output(plain), _output(adapted), rtol=1e-4, atol=1e-4)


def test_saved_and_loaded_by_us_and_by_an_unmodified_pipeline(xl: Path, tmp_path: Path) -> None:
    adapted = _adapted(xl)
    lora.save(adapted, tmp_path / lora.FILE)
    expected = _output(adapted)
    loaded = load(ModelOptions(str(xl)))
    assert not torch.equal(_output(loaded), expected)
    lora.load(loaded, tmp_path)
    assert torch.equal(_output(loaded), expected)
    assert not any(p.requires_grad for p in loaded.unet.parameters())
    pipeline = StableDiffusionXLPipeline.from_pretrained(xl)
    pipeline.load_lora_weights(tmp_path)
    assert torch.equal(_output(Components(pipeline, adapted.denoiser, adapted.options)), expected)
    for name, weight in pipeline.unet.state_dict().items():
        if "lora" in name:
            assert torch.equal(weight, adapted.unet.state_dict()[name.replace("default_0", "default")])


def test_warm_start_copies_the_adapter(xl: Path, tmp_path: Path) -> None:
    adapted = _adapted(xl)
    lora.save(adapted, tmp_path / lora.FILE)
    fresh = load(ModelOptions(str(xl)))
    lora.attach(fresh)
    lora.warm_start(fresh, tmp_path / lora.FILE)
    assert torch.equal(_output(fresh), _output(adapted))
    assert any(p.requires_grad for p in fresh.unet.parameters())
    wider = load(ModelOptions(str(xl)))
    lora.attach(wider, 8)
    with pytest.raises(ValueError, match=r"\(rank 4\) does not fit this adapter; use its --rank"):
        lora.warm_start(wider, tmp_path)


def test_given_values_are_saved_in_place_of_its_own(xl: Path, tmp_path: Path) -> None:
    adapted = _adapted(xl)
    zeros = {name: torch.zeros_like(p) for name, p in adapted.unet.named_parameters() if p.requires_grad}
    lora.save(adapted, tmp_path / lora.FILE, zeros)
    saved = safetensors.torch.load_file(tmp_path / lora.FILE)
    assert len(saved) == len(zeros)
    assert all(not bool(value.any()) for value in saved.values())
    assert all(bool(p.any()) for p in adapted.unet.parameters() if p.requires_grad)


def test_another_base_is_refused_and_the_same_in_half_precision_is_not(xl: Path, sd: Path, tmp_path: Path) -> None:
    lora.save(_adapted(xl), tmp_path / lora.FILE)
    write_tiny(TinyOptions(tmp_path / "other", resolution=32, seed=1))
    for base in (tmp_path / "other", sd):
        with pytest.raises(ValueError, match=r"was trained on other weights \(.*xl\) than these"):
            lora.load(load(ModelOptions(str(base))), tmp_path)
    half = load(ModelOptions(str(xl)), unet="bf16")
    lora.load(half, tmp_path)


def test_files_of_others_are_told_by_their_shapes(xl: Path, sd: Path, tmp_path: Path) -> None:
    lora.save(_adapted(xl), tmp_path / lora.FILE)
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file(safetensors.torch.load_file(tmp_path / lora.FILE), foreign, {"format": "pt"})
    lora.load(load(ModelOptions(str(xl))), foreign)
    with pytest.raises(ValueError, match="it is an adapter of another model"):
        lora.load(load(ModelOptions(str(sd))), foreign)
    foreign.write_bytes(foreign.read_bytes()[:1000])
    with pytest.raises(DamagedFileError, match=r"foreign\.safetensors is damaged: it is cut off"):
        lora.load(load(ModelOptions(str(xl))), foreign)


def test_a_flipped_bit_of_an_adapter_of_ours_is_noticed(xl: Path, tmp_path: Path) -> None:
    lora.save(_adapted(xl), tmp_path / lora.FILE)
    content = (tmp_path / lora.FILE).read_bytes()
    places = [len(content) - 5, content.index(b"sha256"), content.index(b"probe"), content.index(b"lora")]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1
        (tmp_path / lora.FILE).write_bytes(bytes(damaged))
        with pytest.raises(DamagedFileError, match=r"pytorch_lora_weights\.safetensors is damaged: "):
            lora.load(load(ModelOptions(str(xl))), tmp_path)
