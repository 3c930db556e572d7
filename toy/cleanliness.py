"""The images of an experiment are taken as clean, and noise is added to them: noisy ones would be made noisier still.

Images whose own noise is sigma would be trained on at sqrt(sigma^2 + sigma_n^2) as if it were sigma_n, and measured
against noisy images. At a quarter of sigma_n that is 3 % of the level; from there on they are refused.
"""

from __future__ import annotations

from ambient.noise import estimate, grey_levels
from toy.data import DataSet
from toy.options import ToyOptions

SHARE = 1 / 4
"""Of the smallest nature level: noise of the images' own that is refused."""
_USUAL = 0.4
_NUMBERS = 2_000_000
"""Pixel values that the estimate looks at, at most."""


def said(options: ToyOptions) -> str:
    """What becomes of the images, in one line."""
    levels = ", ".join(f"{sigma:g}" if sigma != "auto" else "auto" for sigma in options.sweep.sigma_nature)
    return (
        f"The images are taken as clean, and noise is added to them (σ_n = {levels}). For images that are noisy "
        "already: python -m ambient train"
    )


def check_clean(options: ToyOptions, data: DataSet) -> None:
    """Refuse images that are certainly noisy, against the smallest nature level of the experiment.

    Where their noise cannot be told from detail, as in digits, nothing is refused. A level of "auto" is not known yet;
    where there is no other, the default stands for it.

    Raises:
        ValueError: Naming their level, and what to do.
    """
    if options.place.allow_noisy:
        return
    known = [sigma for sigma in options.sweep.sigma_nature if sigma != "auto"]
    smallest = min(known, default=_USUAL)
    images = data.some(_NUMBERS)
    try:
        level = estimate(images).level
    except ValueError:  # too few pixels to tell
        return
    if level.known and level.lower >= SHARE * smallest:
        sigma, grey = level.sigma, grey_levels(level.sigma)
        raise ValueError(
            f"the images look noisy already (level {sigma:.2g}, {grey:.2g} grey levels of 255), and this experiment "
            f"would take them as clean and add noise of {smallest:g}: train on them as they are by "
            f"`python -m ambient train {options.source.source} --noise {sigma:.2g} --output RUN`, or take them as "
            "clean with --allow-noisy"
        )
