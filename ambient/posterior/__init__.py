"""Samples of p(X_0 | X_t): rollouts of the model, particles that need no model, corrections for what was measured."""

from ambient.posterior.particles import Particles, fit_particles
from ambient.posterior.rollout import PosteriorRollout, descend, geometric_levels

__all__ = ["Particles", "PosteriorRollout", "descend", "fit_particles", "geometric_levels"]
