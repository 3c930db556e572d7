r"""When two subpopulations are told apart under noise (P2 Lemmas 4.4, A.5, A.6, Remark 1).

Two Gaussians with the covariance s^2 I and means a distance D apart have, at the level X_t = alpha X_0 + sigma Z, the
covariance (alpha^2 s^2 + sigma^2) I and the total variation

    TV_t = g(d_t),    d_t = alpha D / sqrt(alpha^2 s^2 + sigma^2),    g(d) = 2 Phi(d / 2) - 1.

They are delta-separated if TV_t > 2 delta and delta-merged if TV_t <= delta. With tau = TV_0, and sigma the VP level
for s = 1, where d_t = sqrt(1 - sigma^2) D,

                 printed                                 sharp
    separated    sigma <= sqrt(1 - (2 delta / tau)^2)    sigma <  sqrt(1 - (g^-1(2 delta) / g^-1(tau))^2)
    merged       sigma >= sqrt(1 - (delta / tau)^2)      sigma >= sqrt(1 - (g^-1(delta) / g^-1(tau))^2)

g is strictly concave on d >= 0 with g(0) = 0, so g(q D) > q g(D) for 0 < q < 1: the first printed condition is
sufficient for every tau, and the second one never is, since at its threshold TV_t > delta.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ambient.process import VP, Level

Event = Literal["separated", "merged"]


def total_variation(distance: Tensor | float) -> Tensor:
    """g(d) = 2 Phi(d/2) - 1, the total variation of two Gaussians N(., I) at a distance d >= 0; float64, in [0, 1)."""
    variation: Tensor = torch.special.erf(torch.as_tensor(distance, dtype=torch.float64) / 8**0.5)
    return variation


def distance(variation: Tensor | float) -> Tensor:
    """g^-1(y) = 2 Phi^-1((1 + y) / 2), the distance at which the total variation is y in [0, 1); float64."""
    found: Tensor = 8**0.5 * torch.special.erfinv(torch.as_tensor(variation, dtype=torch.float64))
    return found


def noisy_distance(distance: float, level: Level, std: float = 1.0) -> Tensor:
    """d_t = alpha D / sqrt(alpha^2 s^2 + sigma^2): the distance of two noisy components in their own widths.

    Args:
        distance: D, of the means at t = 0, >= 0, in the units of the data.
        level: The level t of any process, () or (B,).
        std: s, the standard deviation of the components, >= 0.
    """
    return level.alpha * distance / torch.hypot(level.alpha * std, level.sigma)


def noisy_total_variation(distance: float, level: Level, std: float = 1.0) -> Tensor:
    """TV_t of two components N(mu, s^2 I) a distance D apart, in [0, 1]; arguments as in `noisy_distance`."""
    return total_variation(noisy_distance(distance, level, std))


def printed_threshold(tau: float, delta: float, event: Event) -> float:
    """P2's VP level for components of unit covariance: separated at or below it, merged at or above it.

    Args:
        tau: Total variation at t = 0, in (0, 1).
        delta: Total variation that counts as merged, half of the one that counts as separated, > 0.
        event: "separated" (Lemma A.5) or "merged" (Lemma A.6).

    Returns:
        sigma in [0, 1): 0 for components that are merged at t = 0.

    Raises:
        ValueError: If tau or delta is out of range, or the components are not separated at t = 0 as asked.
    """
    return _vp_sigma(_target(tau, delta, event) / tau)


def sharp_threshold(tau: float, delta: float, event: Event) -> float:
    """The exact VP level, of which `printed_threshold` is P2's estimate; arguments and errors as there."""
    return _vp_sigma(float(distance(_target(tau, delta, event)) / distance(tau)))


def threshold_level(tau: float, delta: float, event: Event, std: float = 1.0) -> Level:
    """The exact threshold for components N(., std^2 I) as a level; `process.time` gives its time in any process.

    d_t depends on the noise in units of std only, so the threshold is the VP level with its sigma times std.
    """
    unit = VP().level(sharp_threshold(tau, delta, event))
    return Level(unit.alpha, std * unit.sigma)


def _target(tau: float, delta: float, event: Event) -> float:
    if not (0 < tau < 1 and delta > 0):
        raise ValueError(f"needs 0 < tau < 1 and delta > 0, got tau {tau} and delta {delta}")
    target = 2 * delta if event == "separated" else delta
    if event == "separated" and target >= tau:
        raise ValueError(f"components with total variation {tau} are not {delta}-separated even without noise")
    return min(target, tau)


def _vp_sigma(ratio: float) -> float:
    sigma: float = max(0.0, (1 - ratio) * (1 + ratio)) ** 0.5
    return sigma
