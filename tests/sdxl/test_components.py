from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler

from ambient.process import Level
from sdxl.components import Components, VAEOverflowError
from sdxl.loading import load
from sdxl.options import FP16_VAE, ModelOptions


@pytest.mark.parametrize("kind", ["xl", "sd"])
def test_the_denoiser_is_diffusers_own_x_0(kind: str, request: pytest.FixtureRequest) -> None:
    """epsilon and v prediction, against DDIM's pred_original_sample of the pipeline's raw output."""
    components = load(ModelOptions(str(request.getfixturevalue(kind))))
    x = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    condition = components.encode_prompts(["a cat", "a dog"])
    scheduler = DDIMScheduler.from_config(components.pipeline.scheduler.config, clip_sample=False)
    scheduler.set_timesteps(1000)
    for t in (10, 500, 999):
        with torch.no_grad():
            ours = components.denoiser(x, components.process.level(float(t)), **condition)
            added = {name: condition[name] for name in ("text_embeds", "time_ids") if name in condition}
            output = components.unet(x, t, condition["encoder_hidden_states"], added_cond_kwargs=added).sample
        theirs = scheduler.step(output, t, x).pred_original_sample
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


def test_the_levels_are_the_papers(components: Components) -> None:
    """P1 section 4.2: sigma is .325, .850 and .981 at t_n = 100, 500 and 800."""
    sigmas = [float(components.process.level(float(t)).sigma) for t in (100, 500, 800)]
    assert sigmas == pytest.approx([0.325, 0.850, 0.981], abs=1e-3)


def test_prompts_are_encoded_as_the_pipeline_does(components: Components, sd: Path) -> None:
    prompts = ["a photo of a cat", ""]
    states, negative, pooled, negative_pooled = components.pipeline.encode_prompt(prompts, device="cpu")
    condition = components.encode_prompts(prompts, 48)
    assert torch.equal(condition["encoder_hidden_states"], states)
    assert torch.equal(condition["text_embeds"], pooled)
    assert condition["time_ids"].tolist() == [[48, 48, 0, 0, 48, 48]] * 2
    away = components.encode_prompts(prompts, unconditional=True)
    assert torch.equal(away["encoder_hidden_states"], negative)
    assert torch.equal(away["text_embeds"], negative_pooled)
    plain = load(ModelOptions(str(sd)))
    states, negative = plain.pipeline.encode_prompt(prompts, "cpu", 1, True)
    assert torch.equal(plain.encode_prompts(prompts)["encoder_hidden_states"], states)
    assert torch.equal(plain.encode_prompts(prompts, unconditional=True)["encoder_hidden_states"], negative)
    assert set(plain.encode_prompts(prompts)) == {"encoder_hidden_states"}


def test_latents_are_those_of_the_vae_and_back(components: Components) -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    vae = components.pipeline.vae
    with torch.no_grad():
        expected = vae.encode(images).latent_dist.mode() * vae.config.scaling_factor
        decoded = vae.decode(expected / vae.config.scaling_factor).sample
    assert torch.equal(components.encode_images(images), expected)
    assert torch.equal(components.decode_latents(expected), decoded)
    assert components.latent_shape(48) == (4, 6, 6)
    with pytest.raises(ValueError, match="resolution 40: this model needs a multiple of 16"):
        components.latent_shape(40)


def test_fp16_overflow_of_the_vae_is_one_clear_line(components: Components) -> None:
    """SDXL's VAE overflows in fp16; here its first convolution is made as large."""
    with torch.no_grad():
        components.pipeline.vae.encoder.conv_in.weight.mul_(1e6)
    components.to("cpu", others="fp16")
    with pytest.raises(VAEOverflowError, match=f"overflows when encoding in float16: use --vae {FP16_VAE}"):
        components.encode_images(torch.ones(1, 3, 32, 32))


def test_half_precision_networks_serve_fp32_samples(components: Components) -> None:
    x, level = torch.randn(1, 4, 4, 4), components.process.level(500.0)
    condition = components.encode_prompts(["a cat"])
    with torch.no_grad():
        exact = components.denoiser(x, level, **condition)
        half = components.to("cpu", "bf16").denoiser(x, level, **condition)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, exact, rtol=0.1, atol=0.1)


def test_a_denoiser_of_other_processes(components: Components) -> None:
    """The same signal-to-noise ratio in variance-exploding coordinates gives the same posterior mean."""
    x, level = torch.randn(2, 4, 4, 4), components.process.level(700.0)
    condition = components.encode_prompts(["a cat", "a dog"])
    with torch.no_grad():
        own = components.denoiser(x, level, **condition)
        other = components.denoiser(x / level.alpha.float(), Level(torch.tensor(1.0), level.ratio), **condition)
    torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-3)
