r"""SDXL's noise levels, and those that stand for them on digits.

A level's noise-to-signal ratio sigma / alpha counts for each number of an image, and SDXL's latents have 65,536 numbers
where a digit has 64: at SDXL's ratios nothing of a digit is left at t_n = 500, where a face is recognisable. Equal
information in total would divide the ratios by sqrt(65,536 / 64) = 32, and then the noise could not be seen. The digits
are given a quarter of SDXL's ratios, in between.
"""

from __future__ import annotations

import numpy as np

NATURES = (100, 500, 800)
"""P1's nature levels t_n."""
DIGITS_SHARE = 0.25
"""Levels on digits, in SDXL's ratios sigma / alpha."""


def sdxl_ratio(step: int) -> float:
    """sigma / alpha of SDXL's step t in 0 ... 999 (scaled linear betas from 0.00085 to 0.012)."""
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    kept = np.cumprod(1 - betas)[step]
    return float(((1 - kept) / kept) ** 0.5)


def digits_level(step: int) -> float:
    """sigma on digits that stands for SDXL's step t."""
    return round(DIGITS_SHARE * sdxl_ratio(step), 3)
