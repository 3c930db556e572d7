"""Samples from a denoiser: generate, stop at the nature level, restore."""

from ambient.sampling.generation import generate, restore

__all__ = ["generate", "restore"]
