"""Samples of p(X_0 | X_t): rollouts of the model, particles that need no model, corrections for what was measured."""

from ambient.posterior.guidance import DPS, MMPS, Correction, Guided, Measurement, PiGDM, Proximal
from ambient.posterior.measured import sample_measured
from ambient.posterior.particles import Particles, fit_particles
from ambient.posterior.rollout import PosteriorRollout, descend, geometric_levels

__all__ = [
    "DPS",
    "MMPS",
    "Correction",
    "Guided",
    "Measurement",
    "Particles",
    "PiGDM",
    "PosteriorRollout",
    "Proximal",
    "descend",
    "fit_particles",
    "geometric_levels",
    "sample_measured",
]
