"""Sampling, where the command does not reach."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sdxl.components import Components
from sdxl.options import Sampler
from sdxl.sampling import image_generator, make_scheduler, sample, stopping_step


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
