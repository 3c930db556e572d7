from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import diffusers
import pytest
import torch
from hypothesis import given
from torch import Tensor, nn

from ambient import karras
from ambient.denoisers import EDMDenoiser, MaskedDenoiser, UNetDenoiser
from ambient.process import VE, VP, Flow, Level, per_sample, renormalise
from ambient.schedules import Discrete, Schedule
from tests import k_diffusion_code
from tests.ambient.test_process import SDXL
from tests.exact import two_levels


class Curved(nn.Module):
    """A network whose output depends on everything it is given."""

    def forward(self, x: Tensor, c: Tensor, shift: float = 0.0) -> Tensor:
        return torch.sin(3 * x) + per_sample(c, x) + shift


def test_preconditioning_is_k_diffusions() -> None:
    """The published formulas, and k-diffusion's Denoiser around a network that reads sigma instead of c_noise."""
    theirs = k_diffusion_code.modules().layers.Denoiser(lambda x, sigma: Curved()(x, sigma.log() / 4), sigma_data=0.5)
    ours = EDMDenoiser(Curved(), sigma_data=0.5)
    x, sigma = torch.randn(4, 3, 2, 2, dtype=torch.float64), torch.tensor([0.01, 0.3, 2.0, 60.0], dtype=torch.float64)
    assert torch.allclose(ours(x, sigma), theirs(x, sigma), rtol=1e-12)
    assert torch.allclose(ours(x, VE().level(sigma)), theirs(x, sigma), rtol=1e-12)


def test_k_diffusions_samplers_take_our_denoisers_and_ours_take_theirs() -> None:
    code = k_diffusion_code.modules()
    ours = EDMDenoiser(Curved(), sigma_data=0.5)
    sigmas = karras.karras_sigmas(10, 0.02, 5.0)
    x = 5 * torch.randn(2, 1, 4, 4, dtype=torch.float64)
    options: dict[str, Any] = {"extra_args": {"shift": 0.3}, "disable": True}
    theirs = code.sampling.sample_heun(ours, x, sigmas, **options)
    assert torch.allclose(karras.sample_heun(ours, x, sigmas, **options), theirs, rtol=1e-12)
    for sampler in (code.sampling.sample_dpmpp_2m, code.sampling.sample_lms, code.sampling.sample_dpm_2):
        assert sampler(ours, x, sigmas, **options).isfinite().all()
    alphas_cumprod = diffusers.DDPMScheduler(**SDXL).alphas_cumprod.double()
    denoiser = code.external.DiscreteEpsDDPMDenoiser(
        lambda x, t: torch.tanh(x) + t[:, None] / 1e3, alphas_cumprod, False
    )
    x = torch.randn(2, 3, dtype=torch.float64)
    expected = code.sampling.sample_heun(denoiser, x, sigmas, disable=True)
    assert torch.allclose(karras.sample_heun(denoiser, x, sigmas, disable=True), expected, rtol=1e-12)


@given(two_levels())
def test_one_denoiser_serves_every_process(levels: tuple[Level, Level]) -> None:
    """E[X_0|X_t] depends on the sample and its signal-to-noise ratio, not on the process it came from."""
    denoiser = EDMDenoiser(Curved(), sigma_data=0.7)
    _, level = levels
    x = torch.randn(3, 2, dtype=torch.float64)
    here = denoiser(x, level)
    for process in (VE(), VP(), Flow()):
        assert torch.allclose(denoiser(*renormalise(process, x, level)), here, rtol=1e-9)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_unet_adapter_against_diffusers_own_x_0(prediction: str) -> None:
    """E[X_0|X_t] of a random U-Net equals DDIMScheduler's `pred_original_sample`; VE callers get the same."""
    torch.manual_seed(0)
    unet = (
        diffusers.UNet2DModel(
            sample_size=8,
            in_channels=1,
            out_channels=1,
            block_out_channels=(8, 8),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("DownBlock2D",) * 2,
            up_block_types=("UpBlock2D",) * 2,
        )
        .double()
        .eval()
    )
    scheduler = diffusers.DDIMScheduler(**SDXL, prediction_type=prediction, clip_sample=False)
    scheduler.set_timesteps(1000)
    denoiser = UNetDenoiser(unet, Schedule.from_scheduler(scheduler))
    process = denoiser.process
    x_t = torch.randn(1, 1, 8, 8, dtype=torch.float64)
    for t in (1, 400, 999):
        with torch.no_grad():
            theirs = scheduler.step(unet(x_t, t).sample, t, x_t).pred_original_sample
            ours = denoiser(x_t, process.level(float(t)))
            level = process.level(float(t))
            ve = denoiser(x_t / level.alpha, level.ratio.reshape(1))
        assert torch.allclose(ours, theirs.double(), rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))
        assert torch.allclose(ve, ours, rtol=1e-6)


def test_conditions_reach_the_network() -> None:
    denoiser = EDMDenoiser(Curved(), 0.5)
    x = torch.randn(2, 3, dtype=torch.float64)
    level = VE().level(torch.tensor([0.5, 1.0], dtype=torch.float64))
    c_out = 0.5 * level.sigma / (level.sigma**2 + 0.25).sqrt()
    assert torch.allclose(denoiser(x, level, shift=2.0) - denoiser(x, level), 2 * c_out[:, None].expand(2, 3))
    seen: dict[str, Any] = {}

    def unet(x: Tensor, t: Tensor, **condition: Any) -> SimpleNamespace:
        seen.update(condition, t=t)
        return SimpleNamespace(sample=x)

    adapter = UNetDenoiser(unet, Schedule(Discrete(VP(), torch.linspace(0.1, 0.9, 9)), "x_0"))  # type: ignore[arg-type]
    adapter(x, VP().level(torch.tensor([0.1, 0.5])), encoder_hidden_states=x)
    assert seen["encoder_hidden_states"] is x
    assert seen["t"].tolist() == pytest.approx([0, 4], abs=1e-5)


def test_a_masked_denoiser_is_edms_where_it_sees_and_edms_of_pure_noise_where_it_does_not() -> None:
    class Local(nn.Module):
        def forward(self, x: Tensor, c_noise: Tensor, mask: Tensor | None = None) -> Tensor:
            return torch.cos(x)

    masked, whole = MaskedDenoiser(Local(), 0.7), EDMDenoiser(Local(), 0.7)
    x_t, mask = torch.randn(4, 2, 3, 3, dtype=torch.float64), (torch.rand(4, 1, 3, 3) > 0.5).double()
    for level in (VE().level(torch.tensor([0.01, 0.3, 2.0, 60.0], dtype=torch.float64)), VP().level(0.5)):
        found = masked(x_t, level, mask=mask)
        unseen = whole(torch.zeros_like(x_t), VE().level(1e9))
        assert torch.allclose(found, torch.where(mask > 0, whole(x_t, level), unseen), rtol=1e-9)
        assert torch.equal(masked(torch.where(mask > 0, x_t, 9.0), level, mask=mask), found)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="sigma_data"):
        EDMDenoiser(Curved(), 0.0)
    with pytest.raises(ValueError, match="no time for alpha = 0 or sigma = 0"):
        EDMDenoiser(Curved(), 0.5)(torch.zeros(2, 3), VP().level(torch.tensor([0.5, 1.0])))
