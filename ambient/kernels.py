r"""One reverse step p(x_s | x_t) of the diffusion that a denoiser drives, from level t to a cleaner level s.

With h = E[X_0 | X_t = x] and the transition X_t = rho X_s + sqrt(v) Z, the exact reverse kernel has the mean
E[X_s | X_t] = A h + B x of the double-Tweedie map (`tweedie.nature_mean` with s in the place of n). The one-step
kernels differ in the covariance they put around it, and two of them in the mean:

    kernel                            mean               covariance                       bias of E h(X_s)
    ancestral (DDIM eta = 1)          A h + B x          q I,  q = v sigma_s^2 / sigma_t^2        O(step^2)
    Euler-Maruyama in sigma^2         A h + B x          (v / rho^2) I                    O(step^2)
    Euler-Maruyama in sigma (P1 2.3)  see there          (v / rho^2) I                    O(step^2)
    covariance matched                A h + B x          q I + A^2 Cov[X_0 | X_t]         O(step^3)
    DDIM (eta = 0)                    alpha_s h + sigma_s eps    0                        O(step): not a sample

From pure noise (alpha_t = 0) only the ancestral and the DDIM step lead on; the others divide by alpha_t and refuse it.
Cov[X_0 | X_t] = (sigma_t^2 / alpha_t) dh/dx (second-order Tweedie). In variance-exploding coordinates v / rho^2 is
sigma_t^2 - sigma_s^2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ambient import tweedie
from ambient.process import Level, Transition, per_sample


@dataclass(frozen=True, eq=False)
class Step:
    """The Gaussian of one reverse step.

    Attributes:
        mean: (B, *).
        std: Standard deviation, () or (B,); or a square root of the covariance, (B, d, d), for flat samples (B, d).
    """

    mean: Tensor
    std: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """x_s for standard normal `noise`, (B, *)."""
        if self.std.ndim == 3:
            return self.mean + torch.einsum("bij,bj->bi", self.std, noise)
        return self.mean + per_sample(self.std, self.mean) * noise


Kernel = Callable[[Tensor, Tensor, Level, Level], Step]
"""A one-step kernel: (x_0, x_t, level of x_t, cleaner target level) -> Step."""


def ancestral(x_0: Tensor, x_t: Tensor, level: Level, target: Level) -> Step:
    """The posterior q(x_s | x_t, x_0) at x_0 = E[X_0 | X_t]: DDPM's ancestral step, DDIM with eta = 1.

    Args:
        x_0: E[X_0 | X_t], (B, *).
        x_t: Samples of `level`, (B, *).
        level: The level t, sigma_t > 0.
        target: The level s, with SNR_s >= SNR_t.

    Raises:
        ValueError: If the target is noisier than `level`.
    """
    variance = target.transition_to(level).variance * (target.sigma / level.sigma) ** 2
    return Step(tweedie.nature_mean(x_0, x_t, target, level), variance.sqrt())


def euler_maruyama(x_0: Tensor, x_t: Tensor, level: Level, target: Level) -> Step:
    """Euler-Maruyama in sigma^2 of the reverse SDE (P1 eq. 2.2); arguments as in `ancestral`."""
    back = _with_signal(level, target)
    return Step(tweedie.nature_mean(x_0, x_t, target, level), back.std / back.scale)


def euler_maruyama_sigma(x_0: Tensor, x_t: Tensor, level: Level, target: Level) -> Step:
    """Euler-Maruyama in sigma, P1 eq. 2.3 as printed, carried from VE to any process; arguments as in `ancestral`.

    In VE coordinates y = x / alpha: y_s = y + 2 (1 - sigma_s / sigma_t)(h - y) + sqrt(sigma_t^2 - sigma_s^2) Z.
    """
    back = _with_signal(level, target)
    y_t = x_t / per_sample(level.alpha, x_t)
    y_s = y_t + 2 * per_sample(1 - target.ratio / level.ratio, x_t) * (x_0 - y_t)
    return Step(per_sample(target.alpha, x_t) * y_s, back.std / back.scale)


def ddim(x_0: Tensor, x_t: Tensor, level: Level, target: Level) -> Step:
    """The deterministic step of DDIM (eta = 0), which samples no posterior; arguments as in `ancestral`.

    Raises:
        ValueError: If the target is noisier than `level`.
    """
    target.transition_to(level)
    noise = tweedie.from_x_0(x_0, x_t, level, "epsilon")
    return Step(target.perturb(x_0, noise), torch.zeros_like(target.sigma))


def covariance_matched(x_0: Tensor, x_t: Tensor, level: Level, target: Level, jacobian: Tensor) -> Step:
    """The Gaussian with the exact mean and covariance of the reverse kernel.

    Args:
        x_0: E[X_0 | X_t], (B, d).
        x_t: Samples of `level`, (B, d).
        level: The level t, sigma_t > 0 and alpha_t > 0.
        target: The level s.
        jacobian: dh/dx at `x_t`, (B, d, d); symmetrised, and its negative eigenvalues set to 0.

    Returns:
        The step, with a symmetric square root of the covariance as its std.
    """
    _with_signal(level, target)
    step = ancestral(x_0, x_t, level, target)
    a, _ = tweedie.nature_coefficients(target, level)
    eigenvalues, vectors = torch.linalg.eigh((jacobian + jacobian.mT) / 2)
    posterior = per_sample(a**2 * level.sigma**2 / level.alpha, eigenvalues) * eigenvalues.clamp(min=0)
    std = (per_sample(step.std**2, eigenvalues) + posterior).sqrt()
    return Step(step.mean, vectors * std[:, None, :] @ vectors.mT)


def _with_signal(level: Level, target: Level) -> Transition:
    if bool((level.alpha <= 0).any()):
        raise ValueError("this kernel divides by alpha_t: from pure noise (alpha = 0) take `ancestral` or `ddim`")
    return target.transition_to(level)
