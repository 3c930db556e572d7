from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

import ambient
from ambient import karras
from ambient.models import DenoiserUNet, Model
from ambient.models.diffusers_unet import predicted
from ambient.models.export import to_diffusers, to_k_diffusion
from ambient.randomness import IndexedNoise
from tests import k_diffusion_code
from tests.ambient.models.small import trained


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return trained(tmp_path_factory.mktemp("export"))


SCHEDULERS = [
    diffusers.DDIMScheduler(clip_sample=False),
    diffusers.EDMEulerScheduler(sigma_min=0.01, sigma_max=80.0),
    diffusers.EulerDiscreteScheduler(prediction_type="sample"),
    diffusers.DPMSolverMultistepScheduler(prediction_type="v_prediction"),
    diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
]


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=lambda scheduler: type(scheduler).__name__)
def test_every_prediction_comes_back_as_the_posterior_mean(model: Model, scheduler: Any) -> None:
    unet = DenoiserUNet.of(model, scheduler)
    generator = torch.Generator().manual_seed(0)
    for i in (3, 300, 900):
        level = unet.schedule.process.level(torch.full((2,), float(i))).on(torch.zeros(2))
        if i >= len(unet.schedule.process):
            continue
        x_t = torch.randn(2, 1, 8, 8, generator=generator)
        output = unet(x_t, unet.schedule.told(level)).sample
        torch.testing.assert_close(
            unet.schedule.to_x_0(output, x_t, level), model(x_t, level), rtol=1e-3, atol=1e-3, check_dtype=False
        )
        assert torch.equal(output, predicted(model(x_t, level), x_t, level, unet.schedule).to(output.dtype))


def test_a_diffusers_scheduler_agrees_with_our_sampler(model: Model) -> None:
    """EDM's Euler scheduler on EDM's grid takes the steps that ours takes."""
    scheduler = diffusers.EDMEulerScheduler(sigma_min=0.01, sigma_max=20.0)
    scheduler.set_timesteps(12)
    unet = DenoiserUNet.of(model, scheduler)
    start = 20.0 * IndexedNoise(0, [0, 1], model.shape)()
    x = start
    for t in scheduler.timesteps:
        x = scheduler.step(unet(scheduler.scale_model_input(x, t), t).sample, t, x).prev_sample
    ours = karras.sample_euler(model, start, scheduler.sigmas.double())
    torch.testing.assert_close(x, ours, rtol=1e-3, atol=2e-3)


def test_a_diffusers_pipeline_is_written_and_read(model: Model, tmp_path: Path) -> None:
    to_diffusers(model, tmp_path)
    pipeline: Any = diffusers.DDIMPipeline.from_pretrained(tmp_path)
    options: dict[str, Any] = {"batch_size": 2, "num_inference_steps": 4, "output_type": "np"}
    pipeline.set_progress_bar_config(disable=True)
    there = pipeline(**options, generator=torch.Generator().manual_seed(0)).images
    scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    own: Any = diffusers.DDIMPipeline(DenoiserUNet.of(model, scheduler), scheduler)
    own.set_progress_bar_config(disable=True)
    here = own(**options, generator=torch.Generator().manual_seed(0)).images
    assert there.shape == (2, 8, 8, 1)
    assert (there == here).all()


def test_k_diffusion_samples_from_the_exported_program_as_we_do(model: Model, tmp_path: Path) -> None:
    path = to_k_diffusion(model, tmp_path / "out")
    denoiser = torch.export.load(path).module()
    sigmas = karras.karras_sigmas(8, 0.02, 20.0).float()
    start = sigmas[0] * IndexedNoise(0, [0, 1, 2], model.shape)()
    theirs = k_diffusion_code.modules().sampling.sample_heun(denoiser, start, sigmas, disable=True)
    torch.testing.assert_close(theirs, karras.sample_heun(model, start, sigmas, disable=True), rtol=1e-4, atol=1e-4)


def test_the_hub_gets_the_folder_that_is_loaded(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`push_to_hub` against a stand-in that keeps the uploaded files as the Hub lays them out."""
    from huggingface_hub import HfApi

    hub = tmp_path / "hub"

    def create(self: HfApi, repo_id: str, **_: Any) -> Any:
        (hub / repo_id).mkdir(parents=True)
        return type("Repo", (), {"repo_id": repo_id})()

    def upload(self: HfApi, repo_id: str, folder_path: Path, **_: Any) -> str:
        for path in Path(folder_path).rglob("*"):
            (hub / repo_id / path.relative_to(folder_path)).write_bytes(path.read_bytes())
        return "uploaded"

    monkeypatch.setattr(HfApi, "create_repo", create)
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    model.push_to_hub("somebody/digits")
    assert {path.name for path in (hub / "somebody/digits").iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }
    loaded = ambient.load(hub / "somebody/digits")
    assert torch.equal(next(loaded.sample(2)), next(model.sample(2)))
