"""Every scheduler of diffusers draws what an unmodified pipeline draws with it, or is refused by name."""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

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


def _compare(folder: Path, kind: Any, name: str) -> None:
    ours = sample(load(ModelOptions(str(folder))), Sampler(name, 5, 3.0), range(2), ["a cat", "a dog"], 32, 3)
    pipeline = kind.from_pretrained(folder)
    pipeline.scheduler = make_scheduler(pipeline.scheduler, name)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        ["a cat", "a dog"],
        generator=[image_generator(3, i) for i in range(2)],
        num_inference_steps=5,
        guidance_scale=3.0,
        output_type="latent",
    ).images
    assert bool(theirs.isfinite().all())
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize(("folder", "kind"), [("xl", StableDiffusionXLPipeline), ("sd", StableDiffusionPipeline)])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_it_draws_what_a_pipeline_draws(name: str, folder: str, kind: Any, request: pytest.FixtureRequest) -> None:
    """Epsilon and v prediction, with guidance; also where the scheduler draws noise of its own (TCD, LCM, SASolver)."""
    _compare(request.getfixturevalue(folder), kind, name)


@pytest.fixture(scope="module")
def zero_snr(sd: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose last step is pure noise (Lin et al. 2024), by v prediction."""
    folder = Path(shutil.copytree(sd, tmp_path_factory.mktemp("zero") / "sd"))
    file = folder / "scheduler" / "scheduler_config.json"
    config = json.loads(file.read_text()) | {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    file.write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("name", SCHEDULERS)
def test_at_zero_terminal_snr_it_draws_the_same_or_is_refused(name: str, zero_snr: Path) -> None:
    """A scheduler that does not know `rescale_betas_zero_snr` would go down other levels than the model's."""
    knows = "rescale_betas_zero_snr" in inspect.signature(getattr(diffusers, f"{name}Scheduler")).parameters
    if knows:
        _compare(zero_snr, StableDiffusionPipeline, name)
        return
    with pytest.raises(ValueError, match=f"--scheduler {name} does not know the noise levels of this model; use DDIM"):
        make_scheduler(load(ModelOptions(str(zero_snr))).pipeline.scheduler, name)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_others_are_refused_with_a_reason(name: str) -> None:
    with pytest.raises(ValueError, match=f"--scheduler {name}Scheduler .*; use DDIM"):
        check_scheduler(f"{name}Scheduler")


def test_names() -> None:
    for name in ("DDIM", "EulerDiscrete", "HeunDiscrete", "LMSDiscrete", "PNDM", "UniPCMultistep"):
        assert check_scheduler(name) == check_scheduler(f"{name}Scheduler") == f"{name}Scheduler"
    with pytest.raises(ValueError, match="there is no EulScheduler here; there are "):
        check_scheduler("Eul")
