r"""Karras-style sampling of the probability-flow ODE in variance-exploding coordinates.

    dx / dsigma = (x - D(x, sigma)) / sigma                      (Karras et al. 2022, eq. 1)

The samplers are pure functions in k-diffusion's calling convention: `model(x, sigma, **extra_args)` with sigma (B,)
returns the denoised x; `sigmas` decrease and may end at 0; `callback` sees every step. So k-diffusion's samplers take
the denoisers of this project and these samplers take k-diffusion's. All random numbers come from
`noise_sampler(sigma, sigma_next)`, which makes a sample independent of the batch it is drawn in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import trange

Model = Callable[..., Tensor]
NoiseSampler = Callable[[Tensor, Tensor], Tensor]
Callback = Callable[[dict[str, Any]], None]
Sampler = Callable[..., Tensor]


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """EDM's grid: `steps` levels from sigma_max to sigma_min, evenly spaced in sigma^(1/rho), then 0.

    Args:
        steps: Number of positive levels, >= 2.
        sigma_min: Smallest positive level.
        sigma_max: Largest level.
        rho: Warp; 7 in EDM, 1 is linear.

    Returns:
        float64 levels, (steps + 1,), strictly decreasing.

    Raises:
        ValueError: Unless 0 < sigma_min < sigma_max and steps >= 2.
    """
    _check_grid(steps, sigma_min, sigma_max)
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return _with_zero((high + ramp * (low - high)) ** rho)


def log_sigmas(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """`steps` log-spaced levels from sigma_max to sigma_min, then 0; arguments and errors as in `karras_sigmas`."""
    _check_grid(steps, sigma_min, sigma_max)
    ends = math.log(sigma_max), math.log(sigma_min)
    return _with_zero(torch.linspace(*ends, steps, dtype=torch.float64).exp())


def truncate(sigmas: Tensor, sigma_n: float) -> Tensor:
    """The part of a grid above `sigma_n`, closed by `sigma_n` itself: sampling that stops at the nature level.

    Raises:
        ValueError: If the grid does not start above sigma_n.
    """
    above = sigmas[sigmas > sigma_n]
    if len(above) == 0:
        raise ValueError(f"the grid starts at {float(sigmas[0]):g}, at or below the nature level {sigma_n:g}")
    return torch.cat([above, above.new_tensor([sigma_n])])


def sample_euler(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = float("inf"),
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
) -> Tensor:
    """Euler steps with churn: Algorithm 2 of Karras et al. without the correction; first order.

    Args:
        model: Denoiser, called as model(x, sigma, **extra_args) with sigma (B,).
        x: Samples at level sigmas[0], (B, *).
        sigmas: Decreasing levels, (steps + 1,).
        extra_args: Passed on to the model.
        callback: Called after each evaluation with x, i, sigma, sigma_hat and denoised.
        disable: True hides the progress bar.
        s_churn: Noise added in all, >= 0; 0 is deterministic.
        s_tmin: Churn acts at levels from s_tmin ...
        s_tmax: ... to s_tmax.
        s_noise: Factor on the churn's standard deviation.
        noise_sampler: Gives (B, *) standard normal noise for a step; torch.randn_like by default.

    Returns:
        Samples at level sigmas[-1], (B, *).
    """
    churn = (s_churn, s_tmin, s_tmax, s_noise)
    return _churned(model, x, sigmas, extra_args, callback, disable, churn, noise_sampler, correct=False)


def sample_heun(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = float("inf"),
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
) -> Tensor:
    """Heun steps with churn: Algorithm 2 of Karras et al. (2022); second order. Arguments as in `sample_euler`."""
    churn = (s_churn, s_tmin, s_tmax, s_noise)
    return _churned(model, x, sigmas, extra_args, callback, disable, churn, noise_sampler, correct=True)


@torch.no_grad()
def sample_euler_ancestral(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None = None,
    callback: Callback | None = None,
    disable: bool | None = None,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_sampler: NoiseSampler | None = None,
) -> Tensor:
    """Ancestral sampling: an Euler step down to sigma_down, then noise up to the next level.

    Args:
        model, x, sigmas, extra_args, callback, disable, noise_sampler: As in `sample_euler`.
        eta: 1 is Karras-coordinates ancestral sampling, 0 plain Euler.
        s_noise: Factor on the noise.

    Returns:
        Samples at level sigmas[-1], (B, *).
    """
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or (lambda sigma, sigma_next: torch.randn_like(x))
    sigmas = sigmas.to(x.device)
    for i in trange(len(sigmas) - 1, disable=disable):
        sigma, sigma_next = sigmas[i], sigmas[i + 1]
        denoised = model(x, _batched(sigma, x), **extra_args)
        _report(callback, x, i, sigma, sigma, denoised)
        up = eta * (sigma_next / sigma) * (sigma**2 - sigma_next**2).sqrt()
        up = torch.minimum(up, sigma_next)
        down = (sigma_next**2 - up**2).sqrt()
        x = x + (x - denoised) / sigma * (down - sigma)
        if sigma_next > 0:
            x = x + noise_sampler(sigma, sigma_next) * s_noise * up
    return x


@torch.no_grad()
def _churned(
    model: Model,
    x: Tensor,
    sigmas: Tensor,
    extra_args: dict[str, Any] | None,
    callback: Callback | None,
    disable: bool | None,
    churn: tuple[float, float, float, float],
    noise_sampler: NoiseSampler | None,
    correct: bool,
) -> Tensor:
    extra_args = extra_args or {}
    noise_sampler = noise_sampler or (lambda sigma, sigma_next: torch.randn_like(x))
    s_churn, s_tmin, s_tmax, s_noise = churn
    gamma_max = min(s_churn / (len(sigmas) - 1), math.sqrt(2) - 1)
    sigmas = sigmas.to(x.device)
    for i in trange(len(sigmas) - 1, disable=disable):
        sigma, sigma_next = sigmas[i], sigmas[i + 1]
        sigma_hat = sigma
        if gamma_max > 0 and s_tmin <= sigma <= s_tmax:
            sigma_hat = sigma * (1 + gamma_max)
            x = x + noise_sampler(sigma, sigma_hat) * s_noise * (sigma_hat**2 - sigma**2).sqrt()
        denoised = model(x, _batched(sigma_hat, x), **extra_args)
        _report(callback, x, i, sigma, sigma_hat, denoised)
        slope = (x - denoised) / sigma_hat
        euler = x + slope * (sigma_next - sigma_hat)
        if correct and sigma_next > 0:
            next_slope = (euler - model(euler, _batched(sigma_next, x), **extra_args)) / sigma_next
            x = x + (slope + next_slope) / 2 * (sigma_next - sigma_hat)
        else:
            x = euler
    return x


def _batched(sigma: Tensor, x: Tensor) -> Tensor:
    return sigma.to(x.dtype).expand(len(x))


def _report(callback: Callback | None, x: Tensor, i: int, sigma: Tensor, sigma_hat: Tensor, denoised: Tensor) -> None:
    if callback is not None:
        callback({"x": x, "i": i, "sigma": sigma, "sigma_hat": sigma_hat, "denoised": denoised})


def _with_zero(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def _check_grid(steps: int, sigma_min: float, sigma_max: float) -> None:
    if not (0 < sigma_min < sigma_max and steps >= 2):
        raise ValueError(
            f"a grid needs 0 < sigma_min < sigma_max and at least 2 steps, got sigma_min {sigma_min:g}, "
            f"sigma_max {sigma_max:g}, steps {steps}"
        )
