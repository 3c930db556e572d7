r"""Denoisers: functions (x_t, level, **condition) -> E[X_0 | X_t = x_t], whatever network stands behind them.

A denoiser takes a `Level`, or a bare sigma tensor, which then means the variance-exploding level (1, sigma). The
second form is k-diffusion's calling convention, so k-diffusion's samplers take these denoisers unchanged.

EDM preconditioning (Karras et al. 2022, table 1) wraps a network F in VE coordinates y = x_t / alpha_t,
sigma = sigma_t / alpha_t:

    D(y, sigma) = c_skip y + c_out F(c_in y, c_noise),
    c_skip = s^2 / (sigma^2 + s^2),   c_out = sigma s / sqrt(sigma^2 + s^2),
    c_in = 1 / sqrt(sigma^2 + s^2),   c_noise = ln(sigma) / 4,       s = sigma_data.

A pixel that is hidden is one with infinite noise, where c_skip -> 0 and c_out -> s (`MaskedDenoiser`).
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ambient.process import Level, as_level, per_sample, renormalise
from ambient.schedules import Discrete, Schedule
from ambient.tweedie import Prediction


class Denoiser(Protocol):
    """E[X_0 | X_t = x_t] as a function of the sample and its level."""

    def __call__(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """The posterior mean, (B, *), for samples (B, *) at a level () or (B,), or at a VE sigma (B,)."""


class EDMDenoiser(nn.Module):
    """EDM preconditioning around any network.

    Args:
        network: Called as network(x, c_noise, **condition) with x (B, *) of about unit variance and c_noise (B,);
            returns (B, *).
        sigma_data: Standard deviation of the clean data, > 0.

    Raises:
        ValueError: If sigma_data is not positive; when called, at pure noise or without noise, where c_noise has no
            value to hand to the network.
    """

    def __init__(self, network: nn.Module, sigma_data: float = 0.5) -> None:
        super().__init__()
        if not sigma_data > 0:
            raise ValueError(f"sigma_data must be positive, got {sigma_data}")
        self.network = network
        self.sigma_data = sigma_data

    def forward(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """E[X_0 | X_t] for x_t (B, *) at any level with alpha > 0 and sigma > 0."""
        level = as_level(level).on(x_t)
        c_skip, c_out, c_in, c_noise = self.preconditioning(level)
        output: Tensor = self.network(per_sample(c_in, x_t) * x_t, c_noise.to(x_t.dtype), **condition)
        return per_sample(c_skip, x_t) * x_t + per_sample(c_out, x_t) * output

    def preconditioning(self, level: Level) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """c_skip, c_out, c_in and c_noise as they apply to x_t = alpha_t y, each of the level's shape."""
        alpha, sigma, sigma_data = level.alpha, level.sigma, self.sigma_data
        if not torch.compiler.is_compiling() and bool(((alpha <= 0) | (sigma <= 0)).any()):
            raise ValueError("EDM's network is told ln(sigma / alpha) / 4: it has no time for alpha = 0 or sigma = 0")
        variance = sigma**2 + (alpha * sigma_data) ** 2
        c_skip = alpha * sigma_data**2 / variance
        c_out = sigma * sigma_data / variance.sqrt()
        return c_skip, c_out, 1 / variance.sqrt(), level.ratio.log() / 4


class MaskedDenoiser(EDMDenoiser):
    """E[X_0 | A X_t, A] for images of which only the pixels of a mask A are shown, for Ambient Diffusion.

    Preconditioning is that of the level where a pixel is shown, and that of pure noise where it is hidden: there c_out
    would fall to 0 with sigma though nothing is known of the pixel, and the network would have to grow like 1 / sigma.

    Args:
        network: Called as network(A x, c_noise, mask=A, **condition).
        sigma_data: Standard deviation of the clean data about their mean, > 0.
    """

    def forward(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """The posterior mean, (B, C, H, W); `mask`, (B, 1, H, W), is a part of the condition, 1 where shown."""
        level = as_level(level).on(x_t)
        mask: Tensor = condition["mask"].to(x_t)
        c_skip, c_out, c_in, c_noise = self.preconditioning(level)
        output: Tensor = self.network(per_sample(c_in, x_t) * mask * x_t, c_noise.to(x_t.dtype), **condition)
        shown = per_sample(c_skip, x_t) * x_t + per_sample(c_out, x_t) * output
        return mask * shown + (1 - mask) * self.sigma_data * output


class UNetDenoiser(nn.Module):
    """A diffusers U-Net, or any network called as unet(x, timestep, ...), as a denoiser of every process.

    The sample is rescaled to the network's own process at the same signal-to-noise ratio (`process.renormalise`), so
    an SDXL U-Net serves variance-exploding samplers too. A level beyond the first or last step counts as that step in
    the time that the network is handed.

    Args:
        unet: Returns an object with `.sample`, or a tensor.
        schedule: What it was trained on, `Schedule.from_scheduler(scheduler)`.
    """

    def __init__(self, unet: nn.Module, schedule: Schedule) -> None:
        super().__init__()
        self.unet = unet
        self.schedule = schedule

    @property
    def process(self) -> Discrete:
        """The training levels of the network."""
        return self.schedule.process

    @property
    def prediction(self) -> Prediction:
        """What the network predicts."""
        return self.schedule.prediction

    def forward(self, x_t: Tensor, level: Level | Tensor, **condition: Any) -> Tensor:
        """E[X_0 | X_t] for x_t (B, *), in its precision, whatever that of the U-Net.

        `condition` goes to the U-Net (encoder_hidden_states); SDXL's text_embeds and time_ids as its added_cond_kwargs.
        """
        x, own = renormalise(self.process, x_t, as_level(level).on(x_t))
        time = self.schedule.told(own).to(torch.promote_types(x.dtype, torch.float32))
        parameter = next(self.unet.parameters(), x) if isinstance(self.unet, nn.Module) else x
        condition = {name: _cast(value, parameter.dtype) for name, value in condition.items()}
        if added := {name: condition.pop(name) for name in ("text_embeds", "time_ids") if name in condition}:
            condition["added_cond_kwargs"] = added
        output = self.unet(x.to(parameter.dtype), time, **condition)
        return self.schedule.to_x_0(getattr(output, "sample", output).to(x.dtype), x, own)


def _cast(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value
