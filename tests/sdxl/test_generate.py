from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image

from ambient.runs.identity import ConfigMismatchError
from sdxl import lora
from sdxl.components import Components, ModelOptions, load
from sdxl.generate import Options, generate, name_of, read_prompts, save_grid
from sdxl.sampling import Sampler, image_generator, make_scheduler, sample, scheduler_class, stopping_step

PROMPTS = ["a photo of a cat", "", "a dog on a table"]


def _options(xl: Path, output: Path, **changes: Any) -> Options:
    base = Options(Sampler(steps=4), ModelOptions(str(xl)), images=6, batch=4, seed=3, prompt="a cat", output=output)
    return replace(base, **changes)


def _pixels(folder: Path, count: int) -> np.ndarray:
    return np.stack([np.asarray(Image.open(folder / name_of(i))) for i in range(count)])


def _generate(options: Options) -> np.ndarray:
    return _pixels(generate(options, Accelerator(cpu=True))[0], options.images)


@pytest.fixture(scope="module")
def adapter(xl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that changes every image."""
    components = load(ModelOptions(str(xl)))
    lora.attach(components, 4)
    g = torch.Generator().manual_seed(1)
    for parameter in components.unet.parameters():
        if parameter.requires_grad:
            parameter.data = 0.2 * torch.randn(parameter.shape, generator=g)
    folder = tmp_path_factory.mktemp("adapter")
    lora.save(components, folder / lora.FILE)
    return folder


@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("scheduler", ["DDIM", "EulerAncestralDiscrete", "DPMSolverMultistep", "DDPM"])
def test_an_unmodified_pipeline_with_the_lora_makes_the_same_images(
    scheduler: str, guidance: float, adapter: Path, xl: Path, tmp_path: Path
) -> None:
    """Acceptance 3, as the module of the samplers documents it, also where the scheduler draws noise of its own."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"text": prompt}) + "\n" for prompt in PROMPTS[::2]))
    sampler = Sampler(scheduler, 5, guidance)
    options = _options(xl, tmp_path / "images", sampler=sampler, lora=adapter, prompts=prompts, images=4)
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
    without = _generate(replace(options, lora=None, output=tmp_path / "without"))
    assert np.abs(ours.astype(float) - without).mean() > 1


def test_stable_diffusion_with_v_prediction(sd: Path, tmp_path: Path) -> None:
    ours = _generate(_options(sd, tmp_path, sampler=Sampler(steps=5, guidance=3.0), images=3))
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
    _generate(replace(options, images=8))
    assert [file.read_bytes() for file in files] == before
    more = [json.loads(line) for line in (tmp_path / "images" / "metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in more] == [name_of(i) for i in range(8)]
    assert {row["text"] for row in more} == {"a cat"}
    with pytest.raises(ConfigMismatchError, match="seed is 3 there and 4 here"):
        _generate(replace(options, seed=4))


def test_stopping_at_the_nature_level_gives_the_posterior_mean(components: Components) -> None:
    """DDIM's own pred_original_sample at the last step of the grid at or above t_n."""
    sampler = Sampler(steps=10, stop=500)
    ours = sample(components, sampler, range(2), ["a cat", "a dog"], 32, 0)
    scheduler = make_scheduler(components.pipeline.scheduler, "DDIM")
    scheduler.set_timesteps(10)
    condition = components.encode_prompts(["a cat", "a dog"], 32)
    states = condition.pop("encoder_hidden_states")
    x = torch.stack([torch.randn(4, 4, 4, generator=image_generator(0, i)) for i in range(2)])
    for t in scheduler.timesteps:
        with torch.no_grad():
            step = scheduler.step(components.unet(x, t, states, added_cond_kwargs=condition).sample, t, x)
        if t - 100 < 500:
            break
        x = step.prev_sample
    assert stopping_step(components, sampler) == float(t) == 501
    torch.testing.assert_close(ours, step.pred_original_sample, rtol=1e-4, atol=1e-4)
    euler = sample(components, replace(sampler, scheduler="EulerDiscrete"), range(2), ["a cat", "a dog"], 32, 0)
    torch.testing.assert_close(euler, ours, rtol=0.1, atol=0.1)
    with pytest.raises(ValueError, match="--stop 950: sampling starts at step 901, below it"):
        sample(components, replace(sampler, stop=950), [0], ["a cat"], 32, 0)


def test_schedulers_by_name() -> None:
    assert scheduler_class("DDIM") is scheduler_class("DDIMScheduler")
    for name in ("EulerDiscrete", "HeunDiscrete", "LMSDiscrete", "PNDM", "UniPCMultistep", "KDPM2AncestralDiscrete"):
        assert scheduler_class(name).__name__ == f"{name}Scheduler"
    with pytest.raises(ValueError, match="diffusers has no EulScheduler; there are EulerAncestralDiscrete"):
        scheduler_class("Eul")
    with pytest.raises(ValueError, match="DPMSolverSDE draws noise for a whole batch"):
        scheduler_class("DPMSolverSDE")


def test_prompts_of_any_file(tmp_path: Path) -> None:
    files = {
        "a.txt": "one\n\n two \n",
        "a.csv": "text,n\none,1\n two ,2\n",
        "a.jsonl": '{"text": "one"}\n{"text": "two"}\n',
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        assert read_prompts(tmp_path / name) == ["one", "two"]
    assert read_prompts(tmp_path / "a.csv", "n") == ["1", "2"]
    for name, message in [("b.txt", "cannot be read"), ("a.jsonl", 'holds no prompts under "words"')]:
        with pytest.raises(ValueError, match=message):
            read_prompts(tmp_path / name, "words")


def test_a_grid_holds_the_images_in_rows(tmp_path: Path) -> None:
    images = torch.arange(5)[:, None, None, None].expand(5, 3, 2, 3) / 2.5 - 1
    save_grid(tmp_path / "grid.png", images, columns=2)
    grid = np.asarray(Image.open(tmp_path / "grid.png"))
    assert grid.shape == (6, 6, 3)
    assert [int(grid[2 * (i // 2), 3 * (i % 2), 0]) for i in range(6)] == [0, 51, 102, 153, 204, 255]
