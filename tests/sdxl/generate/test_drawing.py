from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from accelerate import Accelerator
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image

from ambient.runs.identity import ConfigMismatchError
from sdxl.components import Components
from sdxl.generate.drawing import generate
from sdxl.generate.options import GenerateOptions
from sdxl.options import Sampler
from sdxl.pictures import name_of
from sdxl.sampling import image_generator, make_scheduler, sample
from tests.sdxl.conftest import make_lora, on_cpu

PROMPTS = ["a photo of a cat", "", "a dog on a table"]


def _options(model: Path, output: Path, batch: int = 4, seed: int = 3, **changes: Any) -> GenerateOptions:
    run = on_cpu(model, output, batch=batch, seed=seed)
    return replace(GenerateOptions(Sampler(steps=4), run, samples=6, prompt="a cat"), **changes)


def _pixels(folder: Path, count: int) -> np.ndarray:
    return np.stack([np.asarray(Image.open(folder / name_of(i))) for i in range(count)])


def _generate(options: GenerateOptions) -> np.ndarray:
    return _pixels(generate(options, Accelerator(cpu=True))[0], options.samples)


@pytest.fixture(scope="module")
def adapter(xl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that changes every image."""
    return make_lora(xl, tmp_path_factory.mktemp("adapter"), 0.2)


@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("scheduler", ["DDIM", "EulerAncestralDiscrete", "DPMSolverMultistep", "DDPM"])
def test_an_unmodified_pipeline_with_the_lora_makes_the_same_images(
    scheduler: str, guidance: float, adapter: Path, xl: Path, tmp_path: Path
) -> None:
    """As the module of the samplers documents it, also where the scheduler draws noise of its own."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"text": prompt}) + "\n" for prompt in PROMPTS[::2]))
    sampler = Sampler(scheduler, 5, guidance)
    options = _options(xl, tmp_path / "images", sampler=sampler, lora=adapter, prompts=prompts, samples=4)
    ours = _generate(options)
    pipeline = StableDiffusionXLPipeline.from_pretrained(xl)
    pipeline.load_lora_weights(adapter)
    pipeline.scheduler = make_scheduler(pipeline.scheduler, scheduler)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        [PROMPTS[0], PROMPTS[2]] * 2,
        generator=[image_generator(3, i) for i in range(4)],
        num_inference_steps=5,
        guidance_scale=guidance,
        output_type="np",
    ).images
    assert theirs.std() > 0.05
    assert np.abs(ours.astype(float) - 255 * theirs).max() < 0.51
    without = _generate(_options(xl, tmp_path / "without", sampler=sampler, prompts=prompts, samples=4))
    assert np.abs(ours.astype(float) - without).mean() > 1


def test_stable_diffusion_with_v_prediction(sd: Path, tmp_path: Path) -> None:
    ours = _generate(_options(sd, tmp_path, sampler=Sampler(steps=5, guidance=3.0), samples=3))
    pipeline = StableDiffusionPipeline.from_pretrained(sd)
    pipeline.scheduler = make_scheduler(pipeline.scheduler, "DDIM")
    pipeline.set_progress_bar_config(disable=True)
    generators = [image_generator(3, i) for i in range(3)]
    options = {"num_inference_steps": 5, "guidance_scale": 3.0, "output_type": "np"}
    theirs = pipeline(["a cat"] * 3, generator=generators, **options).images
    assert np.abs(ours.astype(float) - 255 * theirs).max() < 0.51


def test_an_image_depends_on_seed_and_index_alone(xl: Path, components: Components, tmp_path: Path) -> None:
    whole = sample(components, Sampler("EulerAncestralDiscrete", 6), range(6), ["a cat"] * 6, 32, 3)
    for indices in ([4], [5, 0, 2], [1, 3]):
        some = sample(components, Sampler("EulerAncestralDiscrete", 6), indices, ["a cat"] * len(indices), 32, 3)
        torch.testing.assert_close(some, whole[indices], rtol=1e-3, atol=2e-4)
    assert not torch.allclose(whole[0], whole[1], atol=0.1)
    other = sample(components, Sampler("EulerAncestralDiscrete", 6), range(6), ["a cat"] * 6, 32, 4)
    assert not torch.allclose(whole, other, atol=0.1)
    four = _generate(_options(xl, tmp_path / "4"))
    six = _generate(_options(xl, tmp_path / "6", batch=6))
    one = _generate(_options(xl, tmp_path / "1", batch=1))
    assert np.abs(four.astype(int) - six).max() <= 1
    assert np.abs(four.astype(int) - one).max() <= 1


def test_missing_images_are_made_again_bit_for_bit_and_more_can_be_asked_for(xl: Path, tmp_path: Path) -> None:
    options = _options(xl, tmp_path / "images")
    _generate(options)
    files = [tmp_path / "images" / name_of(i) for i in range(6)]
    before = [file.read_bytes() for file in files]
    for i in (1, 5):
        files[i].unlink()
    _generate(options)
    assert [file.read_bytes() for file in files] == before
    _generate(replace(options, samples=8))
    assert [file.read_bytes() for file in files] == before
    more = [json.loads(line) for line in (tmp_path / "images" / "metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in more] == [name_of(i) for i in range(8)]
    assert {row["text"] for row in more} == {"a cat"}
    with pytest.raises(ConfigMismatchError, match="seed is 3 there and 4 here"):
        _generate(_options(xl, tmp_path / "images", seed=4))


def test_a_damaged_image_is_made_again_and_said(xl: Path, tmp_path: Path) -> None:
    options = _options(xl, tmp_path / "images")
    _generate(options)
    path = tmp_path / "images" / name_of(2)
    whole = path.read_bytes()
    for damaged in (whole[:-30], whole[:60] + bytes([whole[60] ^ 1]) + whole[61:]):
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match=f"{path} is damaged"):
            _generate(options)
        assert path.read_bytes() == whole


def test_a_model_and_a_lora_are_what_they_hold(xl: Path, adapter: Path, tmp_path: Path) -> None:
    """Moved, copied or spelled otherwise they are the same; with other weights of any part they are not."""
    model = Path(shutil.copytree(xl, tmp_path / "model"))
    generate(_options(model, tmp_path / "images", lora=adapter), Accelerator(cpu=True))
    model.rename(tmp_path / "moved")
    lora_copy = Path(shutil.copytree(adapter, tmp_path / "lora"))
    moved = f"{tmp_path}/lora/../moved/"
    generate(_options(Path(moved), tmp_path / "images" / ".", lora=lora_copy), Accelerator(cpu=True))
    for part in ("unet/diffusion_pytorch_model", "text_encoder_2/model", "vae/diffusion_pytorch_model"):
        other = Path(shutil.copytree(xl, tmp_path / part.replace("/", "-")))
        weights = safetensors.torch.load_file(other / f"{part}.safetensors")
        last = sorted(weights)[-1]
        weights[last] = weights[last] + 1e-3
        safetensors.torch.save_file(weights, other / f"{part}.safetensors", {"format": "pt"})
        with pytest.raises(ConfigMismatchError, match=f"model.{part.split('/')[0]} is "):
            generate(_options(other, tmp_path / "images", lora=adapter), Accelerator(cpu=True))
