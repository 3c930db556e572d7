"""Every scheduler of diffusers draws what an unmodified pipeline draws with it, or is refused by name."""

from __future__ import annotations

from pathlib import Path

import diffusers
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from sdxl.loading import load
from sdxl.options import ModelOptions, Sampler
from sdxl.sampling import image_generator, make_scheduler, sample
from sdxl.schedulers import REFUSED, SCHEDULERS, check_scheduler

ALL = sorted(
    name.removesuffix("Scheduler")
    for name in dir(diffusers)
    if name.endswith("Scheduler") and hasattr(getattr(diffusers, name), "set_timesteps") and name[:4] != "Flax"
)


def test_none_is_forgotten() -> None:
    assert set(ALL) <= {*SCHEDULERS, *REFUSED}
    assert not set(SCHEDULERS) & set(REFUSED)


@pytest.mark.parametrize("kind", ["xl", "sd"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_it_draws_what_a_pipeline_draws(name: str, kind: str, request: pytest.FixtureRequest) -> None:
    """Epsilon and v prediction, with guidance; also where the scheduler draws noise of its own (TCD, LCM, SASolver)."""
    folder: Path = request.getfixturevalue(kind)
    ours = sample(load(ModelOptions(str(folder))), Sampler(name, 5, 3.0), range(2), ["a cat", "a dog"], 32, 3)
    pipeline = (StableDiffusionXLPipeline if kind == "xl" else StableDiffusionPipeline).from_pretrained(folder)
    pipeline.scheduler = make_scheduler(pipeline.scheduler, name)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        ["a cat", "a dog"],
        generator=[image_generator(3, i) for i in range(2)],
        num_inference_steps=5,
        guidance_scale=3.0,
        output_type="latent",
    ).images
    scale = float(theirs.abs().max())
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_others_are_refused_with_a_reason(name: str) -> None:
    with pytest.raises(ValueError, match=f"--scheduler {name}Scheduler .*; use DDIM"):
        check_scheduler(f"{name}Scheduler")


def test_names() -> None:
    for name in ("DDIM", "EulerDiscrete", "HeunDiscrete", "LMSDiscrete", "PNDM", "UniPCMultistep"):
        assert check_scheduler(name) == check_scheduler(f"{name}Scheduler") == f"{name}Scheduler"
    with pytest.raises(ValueError, match="there is no EulScheduler here; there are "):
        check_scheduler("Eul")
