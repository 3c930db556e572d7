"""Names of networks and methods, for command lines: nothing heavy is imported here."""

from __future__ import annotations

from typing import Literal

NetworkName = Literal["small", "unet-1m", "unet-14m", "unet-58m"]
"""Networks by number of parameters; `ambient.models.networks` builds them."""

NoisyMethod = Literal["recommended", "ambient", "early-stop", "paper"]
"""Methods for images that are noisy already."""

CleanMethod = Literal["algorithm-1", "dropout", "dsm"]
"""Methods for clean images, which may be few or sensitive."""

MethodName = Literal["auto", "recommended", "ambient", "early-stop", "paper", "algorithm-1", "dropout", "dsm"]
"""All methods; auto chooses by the noise of the images."""

SamplerName = Literal["heun", "euler", "ancestral"]
"""Samplers of `ambient.karras`."""
