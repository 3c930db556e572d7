r"""The generator's loss of Score identity Distillation (SiD, Zhou et al. 2024; DSD and RSD use it on corrupted data).

A generator's sample y = G(z), noised to y_t = alpha_t y + sigma_t Z, is denoised by the teacher, r = h_phi(y_t), and by
a fake denoiser f = h_psi(y_t) that follows the generator. With gradients through y_t and the denoisers frozen,

    loss = (r - f) . ((r - y) - alpha (r - f)) / d.

With an exact fake, f = E[y | y_t], its *value* is (1 - alpha) E |r - f|^2 / d (statement SID-1): 0 at alpha = 1 and
negative at SiD's 1.2, so it says nothing about convergence. Its gradient is another matter, since psi is not
differentiated. For one Gaussian coordinate, teacher variance S, generator variance g^2, level s = sigma_t / alpha_t,

    d loss / d(g^2) = D (a_r - 1) - alpha D^2,    a_r = S / (S + s^2),  a_f = g^2 / (g^2 + s^2),  D = a_r - a_f,

whose sign is right for every g at alpha <= 1; at alpha > 1 it points outward once g^2 > (s^2 + alpha S) / (alpha - 1)
(statement SID-2): a generator that starts too wide runs away at low levels.
"""

from __future__ import annotations

import math

from torch import Tensor


def generator_loss(teacher: Tensor, fake: Tensor, y: Tensor, alpha: float = 1.2) -> Tensor:
    """The loss of each sample, (B,), without a weight of the level.

    Args:
        teacher: r, the teacher's denoised y_t, (B, *), differentiable in y.
        fake: f, the fake's, likewise.
        y: The generator's samples, (B, *).
        alpha: 1 is the half-way, 1.2 SiD's; see the module on what it does to a wide generator.
    """
    difference = teacher - fake
    product = difference * ((teacher - y) - alpha * difference)
    return product.flatten(1).mean(1)


def outward_variance(sigma: float, variance: float, alpha: float) -> float:
    """The generator's variance from which on the gradient pushes outward; infinite for alpha <= 1.

    Args:
        sigma: s, the level in variance-exploding coordinates.
        variance: S, the teacher's.
        alpha: As of `generator_loss`.
    """
    return math.inf if alpha <= 1 else (sigma**2 + alpha * variance) / (alpha - 1)
