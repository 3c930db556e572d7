"""P1 section 4.2: the noise levels of the experiments on Stable Diffusion XL, and what cannot be checked here."""

from __future__ import annotations

import math

import numpy as np

from ambient.schedules import Discrete
from theory.statements.base import Evidence, Findings, NotChecked, Statement

_PRINTED = {100: 0.325, 500: 0.850, 800: 0.981}


def _sdxl_levels() -> Findings:
    from diffusers import DDPMScheduler  # takes seconds to import, which only this statement should wait for

    betas_of_sdxl = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    scheduler = DDPMScheduler(1000, **betas_of_sdxl)
    process = Discrete.from_scheduler(scheduler)
    betas = np.linspace(math.sqrt(0.00085), math.sqrt(0.012), 1000) ** 2
    sigma = np.sqrt(1 - np.cumprod(1 - betas))
    ours = {step: float(process.level(step).sigma) for step in _PRINTED}
    truncated = max(abs(math.floor(1000 * ours[step]) / 1000 - printed) for step, printed in _PRINTED.items())
    formula = max(abs(ours[step] - sigma[step]) for step in _PRINTED)
    shown = ", ".join(f"{value:.5f}" for value in ours.values())
    return Findings(
        (
            Evidence(f"printed levels against {shown}, cut to three digits", truncated, "<=", 1e-12),
            Evidence("Discrete.from_scheduler against sqrt(1 - prod(1 - beta)) in float64", formula, "<=", 1e-6),
        )
    )


STATEMENTS = (
    Statement(
        "P1-SDXL-levels",
        "P1 section 4.2",
        "sigma_tn = 0.325, 0.850, 0.981 at t_n = 100, 500, 800 of SDXL's schedule.",
        _sdxl_levels,
    ),
)

NOT_CHECKED = (
    NotChecked(
        "P1-A.6-neural",
        "P1 Theorem A.6 beyond Gaussian data and linear denoisers",
        "The proof rests on Theorem 3.2 (ii) of Daras et al. (2023a), which P1 cites and does not prove; no "
        "computation decides uniqueness over a class of networks.",
    ),
    NotChecked(
        "P1-figures",
        "P1 Figures 1-3 and 5-11",
        "Images and similarities of SDXL on LAION, FFHQ and chest x-rays; they need those models and data.",
    ),
    NotChecked("P1-Table-1", "P1 Table 1", "Restoration errors of fine-tuned SDXL models: an experiment."),
    NotChecked("P1-Figure-4", "P1 Figure 4", "FID of fine-tuned SDXL models on 50,000 images: an experiment."),
    NotChecked(
        "P1-cost", "P1 Appendix B", "Consistency takes about 3 times as long: a timing of their code on their machines."
    ),
)
