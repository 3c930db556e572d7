from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline
from PIL import Image

from sdxl.tiny import TinyOptions
from sdxl.tiny.pipeline import build, write_tiny
from sdxl.tiny.tokenizer import WORDS


def test_unmodified_diffusers_loads_and_runs_each_variant(xl: Path, sd: Path, inpainting: Path) -> None:
    options = {"num_inference_steps": 2, "output_type": "np"}
    for kind, folder, extra in [
        (StableDiffusionXLPipeline, xl, {}),
        (StableDiffusionPipeline, sd, {}),
        (
            StableDiffusionXLInpaintPipeline,
            inpainting,
            {"image": Image.new("RGB", (32, 32)), "mask_image": Image.new("L", (32, 32), 255)},
        ),
    ]:
        pipeline = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        pipeline.set_progress_bar_config(disable=True)
        images = [
            pipeline(p, generator=torch.Generator().manual_seed(0), **options, **extra).images for p in ("a", "b")
        ]
        assert images[0].shape[-3:] == (32, 32, 3)
        assert images[0].std() > 0.02
        assert (images[0] != images[1]).any(), "the prompt reaches the image"


def test_the_weights_are_a_function_of_the_seed(xl: Path, tmp_path: Path) -> None:
    write_tiny(TinyOptions(tmp_path / "again", resolution=32))
    write_tiny(TinyOptions(tmp_path / "other", resolution=32, seed=1))
    files = sorted(path.relative_to(xl) for path in xl.rglob("*.safetensors"))
    assert len(files) == 4
    for file in files:
        assert (xl / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
        assert (xl / file).read_bytes() != (tmp_path / "other" / file).read_bytes()
    assert sum(path.stat().st_size for path in xl.rglob("*") if path.is_file()) < 8e6


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build(resolution=32)
    assert torch.equal(torch.rand(3), expected)


def test_the_tokenizer_knows_its_words_and_spells_the_others(xl: Path) -> None:
    tokenizer = StableDiffusionXLPipeline.from_pretrained(xl).tokenizer
    for word in WORDS.replace("-", " ").split():
        assert tokenizer.tokenize(word) == [f"{word}</w>"]
    text = "a photo of Über-zebras, 12 % ok"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True).replace(" ", "") == (
        text.lower().replace(" ", "")
    )
    ids = tokenizer("a", padding="max_length")["input_ids"]
    assert len(ids) == 77
    assert ids[0] == tokenizer.bos_token_id
    assert set(ids[2:]) == {tokenizer.eos_token_id}


def test_latents_of_smooth_pictures_have_unit_scale(xl: Path) -> None:
    vae = StableDiffusionXLPipeline.from_pretrained(xl).vae
    g = torch.Generator().manual_seed(3)
    smooth = torch.nn.functional.interpolate(torch.randn(8, 3, 8, 8, generator=g), size=(64, 64), mode="bicubic")
    with torch.no_grad():
        latents = vae.encode(smooth.clamp(-1, 1)).latent_dist.mean * vae.config.scaling_factor
    assert float(latents.std()) == pytest.approx(1, abs=0.15)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        write_tiny(TinyOptions(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
