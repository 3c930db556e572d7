"""Names of networks and methods, for command lines: nothing heavy is imported here."""

from __future__ import annotations

from typing import Literal

NetworkName = Literal["small", "unet-1m", "unet-14m", "unet-58m"]
"""Networks by number of parameters; `ambient.models.networks` builds them."""

LEARNING_RATES: dict[NetworkName, float] = {"small": 4e-3, "unet-1m": 1e-3, "unet-14m": 2e-4, "unet-58m": 2e-4}
"""Peak learning rates of Adam that worked for each."""

NoisyMethod = Literal["recommended", "ambient", "early-stop", "paper"]
"""Methods for images that are noisy already."""

CleanMethod = Literal["algorithm-1", "dropout", "dsm"]
"""Methods for clean images, which may be few or sensitive."""

MethodName = Literal["auto", "recommended", "ambient", "early-stop", "paper", "algorithm-1", "dropout", "dsm"]
"""All methods; auto chooses by the noise of the images."""

SamplerName = Literal["heun", "euler", "ancestral"]
"""Samplers of `ambient.karras`."""
