r"""The objectives of `sdxl.train`, all of them `ambient.objectives`.

All but `recommended`, which has levels and weights of its own, draw t uniformly from the model's steps and compare
predicted with true noise, the error that diffusers' own examples and P1 minimise. P1's consistency term is that of its
SDXL experiments: from x_n itself one reverse step to t'' ~ U[0, t_n), the gradient through everything, with lambda 0.01
for t_n of 100 and 500 and 1e-4 for 800 (appendix B); it starts from a model trained with `ambient` (`--start`).
"""

from __future__ import annotations

import torch

from ambient.data import in_memory
from ambient.data.shards import ShardedSamples
from ambient.levels import UniformSteps
from ambient.objectives import (
    AmbientScoreMatching,
    Consistency,
    DenoisingScoreMatching,
    EpsilonWeight,
    Hybrid,
    Objective,
    Observed,
    WithinEpsilon,
    recommended,
    sigma_data_of,
)
from ambient.schedules import Discrete
from sdxl.train.options import Method

PAPER_WEIGHTS = {100: 0.01, 500: 0.01, 800: 1e-4}
"""P1's weight of the consistency term at each of its nature levels (appendix B)."""


def objective_of(
    method: Method, process: Discrete, samples: ShardedSamples, t_n: int, weight: float | None = None
) -> Objective:
    """The objective of a method.

    Args:
        method: Which.
        process: The model's steps.
        samples: The latents.
        t_n: Their nature level, in steps.
        weight: Of the consistency term; the paper's if None.

    Raises:
        ValueError: If the latents do not suit the method, or the paper gives no weight for t_n.
    """
    noisy, example = t_n > 0, samples.batch(torch.tensor([0]))
    if (method == "dsm") == noisy:
        way = "--nature 0" if method == "dsm" else "a --nature above 0"
        raise ValueError(f"--method {method} does not fit these latents (t_n = {t_n}); encode them with {way}")
    if method == "hybrid" and example.clean is None:
        raise ValueError("--method hybrid needs both versions of each latent; encode them with --keep-clean")
    levels = UniformSteps(process)
    if method == "dsm":
        return DenoisingScoreMatching(levels, EpsilonWeight())
    if method == "hybrid":
        return Hybrid(levels, EpsilonWeight())
    if method == "recommended":
        return recommended(samples.nature, sigma_data_of(in_memory(samples).x, samples.nature))
    ambient = AmbientScoreMatching(levels, EpsilonWeight())
    if method == "ambient":
        return ambient
    if weight is None and t_n not in PAPER_WEIGHTS:
        known = ", ".join(f"{w:g} at {t}" for t, w in PAPER_WEIGHTS.items())
        raise ValueError(f"the paper gives no weight for t_n = {t_n} ({known}): choose --consistency-weight")
    return ambient + (PAPER_WEIGHTS[t_n] if weight is None else weight) * sdxl_consistency(process)


def sdxl_consistency(process: Discrete) -> Consistency:
    """The consistency term of P1's SDXL experiments; see the module."""
    end = WithinEpsilon(float(len(process)), process)
    return Consistency(Observed(), end, steps=1, gradient="through", fixed_anchor=False)
