"""Noise levels as users write them.

Images are numbers in [-1, 1] here, so a standard deviation of g grey levels of a b-bit file is sigma = 2 g / (2^b - 1):

    0.3           sigma itself
    8bit:25       25 grey levels of 255, sigma = 0.196
    16bit:6425    6425 grey levels of 65535, the same sigma

Noise of photons depends on the brightness: a pixel of clean value x has the variance gain (x + 1) + sigma^2, where gain
is what one count adds to x and sigma the Gaussian part (`ambient.noise.anscombe`):

    poisson:0.1             a gain of 0.1, 20 counts at white
    poisson:0.1:0.05        the same, and Gaussian noise of sigma 0.05
    poisson:8bit:12.75:6.4  both in grey levels of 255
"""

from __future__ import annotations

import math

RANGE = 2.0
"""Width of the range [-1, 1] of images."""
WHITES = {"8bit": 255, "16bit": 65535}
"""The largest grey level of each unit."""


def parse_level(text: str) -> float:
    """A noise level as a user writes it, as sigma for images in [-1, 1].

    Args:
        text: A number, `8bit:G` or `16bit:G`; see the head of this module. Spaces around it do not matter.

    Returns:
        sigma in [0, 2].

    Raises:
        ValueError: If it is no number, negative, not finite, of an unknown unit, or more than the whole range.
    """
    unit, colon, number = text.strip().rpartition(":")
    unit = unit.strip().lower()
    if colon and unit not in WHITES:
        raise ValueError(f"noise level {text!r}: the unit {unit!r} is unknown; write 0.3, 8bit:25 or 16bit:6425")
    try:
        value = float(number)
    except ValueError:
        message = f"noise level {text!r}: {number!r} is not a number; write 0.3, 8bit:25 or 16bit:6425"
        raise ValueError(message) from None
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"noise level {text!r}: a standard deviation is a finite number of at least 0")
    sigma = value * RANGE / WHITES[unit] if colon else value
    if sigma > RANGE:
        hint = "" if colon else f" For {number.strip()} grey levels of 255 write 8bit:{number.strip()}"
        raise ValueError(f"noise level {text!r}: more than {RANGE:g}, the whole range of images in [-1, 1].{hint}")
    return sigma


def parse_poisson(text: str) -> tuple[float, float] | None:
    """Gain and sigma of noise that a user writes as `poisson:...`, for images in [-1, 1]; None for anything else.

    Args:
        text: `poisson:GAIN`, `poisson:GAIN:SIGMA`, or either with a unit, `poisson:8bit:GAIN:SIGMA`.

    Raises:
        ValueError: If it begins with poisson and is none of these, or a number is out of range.
    """
    name, *parts = (part.strip().lower() for part in text.split(":"))
    if name != "poisson":
        return None
    unit = parts.pop(0) + ":" if parts and parts[0] in WHITES else ""
    if len(parts) not in (1, 2):
        raise ValueError(f"noise {text!r}: write poisson:GAIN or poisson:GAIN:SIGMA, such as poisson:0.1:0.05")
    try:
        gain, sigma = (parse_level(unit + number) for number in (*parts, "0")[:2])
    except ValueError as error:
        raise ValueError(f"noise {text!r}: {error}") from None
    if not gain > 0:
        raise ValueError(f"noise {text!r}: the gain, what one count adds to an image, must be above 0")
    return gain, sigma


def noise_in_words(gain: float, sigma: float) -> str:
    """Poisson-Gaussian noise as `parse_poisson` takes it."""
    return f"poisson:{gain:g}:{sigma:g}" if sigma else f"poisson:{gain:g}"


def grey_levels(sigma: float, unit: str = "8bit") -> float:
    """A standard deviation for images in [-1, 1] as grey levels of a file.

    Raises:
        ValueError: If the unit is neither 8bit nor 16bit.
    """
    if unit not in WHITES:
        raise ValueError(f"unit {unit!r}: known are {', '.join(WHITES)}")
    return sigma * WHITES[unit] / RANGE
