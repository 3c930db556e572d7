"""Objectives round an objective: what it is shown, how often it is evaluated, and which numbers it draws."""

from ambient.objectives.wrappers.augmented import Augmented
from ambient.objectives.wrappers.redrawn import Redrawn
from ambient.objectives.wrappers.seeded import Seeded
from ambient.objectives.wrappers.subsampled import Occasional, Subsampled

__all__ = ["Augmented", "Occasional", "Redrawn", "Seeded", "Subsampled"]
