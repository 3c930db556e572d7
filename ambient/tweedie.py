r"""Tweedie's formula once and twice.

Once (P1 eq. 2.1 and 3.3, P2 eq. 2). With h = E[X_0 | X_t = x],

    grad log p_t(x) = (alpha_t h - x) / sigma_t^2,

and the other predictions of the field are affine in (h, x) as well:

    epsilon = (x - alpha_t h) / sigma_t,    v = alpha_t epsilon - sigma_t h,    flow = epsilon - h,    edm = -v.

Each is inverted by h = c * prediction + d * x with the (c, d) of `_INVERSE`, finite down to sigma_t = 0. In pure noise
(alpha_t = 0) the score and epsilon are x times a number whatever h is: they cannot be inverted there, the others can.

Twice (P1 Lemmas 3.2, A.2, A.4; P2 Lemma B.1). For data observed at level n and SNR_t < SNR_n, write
X_t = rho X_n + sqrt(v) Z with rho = alpha_t / alpha_n, v = sigma_t^2 - rho^2 sigma_n^2. Equating the two expressions
of the score, (alpha_t h - x) / sigma_t^2 = (rho E[X_n|x] - x) / v, gives

    E[X_n | X_t = x] = A h + B x,    A = alpha_n v / sigma_t^2,    B = rho sigma_n^2 / sigma_t^2.

P1 A.9, A.19, A.28, the inner part of A.29 and P2 (6) are this line for VE and VP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from torch import Tensor

from ambient.process import Level, per_sample

Prediction = Literal["x_0", "score", "epsilon", "v", "flow", "edm"]

_INVERSE: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "x_0": lambda alpha, sigma: (alpha**0, 0 * alpha),
    "score": lambda alpha, sigma: (sigma**2 / alpha, 1 / alpha),
    "epsilon": lambda alpha, sigma: (-sigma / alpha, 1 / alpha),
    "v": lambda alpha, sigma: (-sigma / (alpha**2 + sigma**2), alpha / (alpha**2 + sigma**2)),
    "flow": lambda alpha, sigma: (-sigma / (alpha + sigma), 1 / (alpha + sigma)),
    "edm": lambda alpha, sigma: (sigma / (alpha**2 + sigma**2), alpha / (alpha**2 + sigma**2)),
}


def to_x_0(prediction: Tensor, x_t: Tensor, level: Level, kind: Prediction) -> Tensor:
    """E[X_0 | X_t] from a network's prediction.

    Args:
        prediction: What the network says, (B, *).
        x_t: Where it says it, (B, *).
        level: The level of `x_t`, with alpha > 0 for "score" and "epsilon".
        kind: "x_0", "score", "epsilon" (the noise Z), "v" (alpha Z - sigma X_0), "flow" (Z - X_0) or "edm" (-v).

    Returns:
        The posterior mean, (B, *).

    Raises:
        ValueError: If `kind` is not one of these, or cannot be inverted because a level is pure noise.
    """
    if kind in ("score", "epsilon") and _has_pure_noise(level):
        raise ValueError(f"in pure noise (alpha = 0) {kind} says nothing of X_0: start at a level with some signal")
    c, d = _inverse(level, kind)
    return per_sample(c, x_t) * prediction + per_sample(d, x_t) * x_t


def from_x_0(x_0: Tensor, x_t: Tensor, level: Level, kind: Prediction) -> Tensor:
    """The prediction of a given kind that corresponds to E[X_0 | X_t] = `x_0`; the inverse of `to_x_0`.

    Args:
        x_0: The posterior mean, (B, *).
        x_t: The noisy samples, (B, *).
        level: Their level, with sigma > 0.
        kind: As in `to_x_0`.

    Raises:
        ValueError: If `kind` is unknown.
    """
    if kind in ("score", "epsilon") and _has_pure_noise(level):
        noise = (x_t - per_sample(level.alpha, x_t) * x_0) / per_sample(level.sigma, x_t)
        return noise if kind == "epsilon" else -noise / per_sample(level.sigma, x_t)
    c, d = _inverse(level, kind)
    return (x_0 - per_sample(d, x_t) * x_t) / per_sample(c, x_t)


def nature_coefficients(nature: Level, level: Level) -> tuple[Tensor, Tensor]:
    """A and B of E[X_n | X_t] = A E[X_0 | X_t] + B X_t; at t = t_n they are 0 and 1.

    Args:
        nature: The level n of the data.
        level: The level t, with SNR_t <= SNR_n and sigma_t > 0.

    Raises:
        ValueError: If `level` is cleaner than `nature` for any sample.
    """
    step = nature.transition_to(level)
    return nature.alpha * step.variance / level.sigma**2, step.scale * (nature.sigma / level.sigma) ** 2


def nature_mean(x_0: Tensor, x_t: Tensor, nature: Level, level: Level) -> Tensor:
    """E[X_n | X_t] from E[X_0 | X_t]: the double-Tweedie map.

    Args:
        x_0: E[X_0 | X_t], (B, *).
        x_t: The noisy samples, (B, *).
        nature: The level n of the data.
        level: The level t of `x_t`, with SNR_t <= SNR_n.

    Returns:
        E[X_n | X_t], (B, *). With clean data, n = (1, 0), this is E[X_0 | X_t] itself.

    Raises:
        ValueError: If `level` is cleaner than `nature` for any sample.
    """
    a, b = nature_coefficients(nature, level)
    return per_sample(a, x_t) * x_0 + per_sample(b, x_t) * x_t


def clean_mean(x_n: Tensor, x_t: Tensor, nature: Level, level: Level) -> Tensor:
    """E[X_0 | X_t] from E[X_n | X_t]; the inverse of `nature_mean` (P1 A.9, A.28).

    An error in E[X_n | X_t] is amplified by sigma_t^2 / (alpha_n v), which diverges as t -> t_n: train on the residual
    of `nature_mean` instead of on this.

    Raises:
        ValueError: Unless SNR_t < SNR_n for every sample.
    """
    a, b = nature_coefficients(nature, level)
    if bool((a <= 0).any()):
        raise ValueError(
            "E[X_0|X_t] is not determined by E[X_n|X_t] at t = t_n or without signal: this needs SNR_t < SNR_n"
        )
    return (x_n - per_sample(b, x_t) * x_t) / per_sample(a, x_t)


def check_prediction(kind: str) -> None:
    """Raises ValueError if `kind` is not a `Prediction`."""
    if kind not in _INVERSE:
        raise ValueError(f"unknown prediction {kind!r}; known are {', '.join(get_args(Prediction))}")


def _has_pure_noise(level: Level) -> bool:
    return bool((level.alpha == 0).any())


def _inverse(level: Level, kind: str) -> tuple[Tensor, Tensor]:
    check_prediction(kind)
    return _INVERSE[kind](level.alpha, level.sigma)
