"""Every numbered statement of the two papers that says something checkable, in the papers' order.

P1 is "Consistent Diffusion Meets Tweedie" (arXiv 2404.10177), P2 "Does Generation Require Memorization? Creative
Diffusion Models using Ambient Diffusion". After them come systems that rest on them: AD (Ambient Diffusion), SID and
RSD (score distillation). Each module of this package holds one subject: its `STATEMENTS`, and in
`NOT_CHECKED` what it has to leave open and why.
"""

from __future__ import annotations

from types import ModuleType

from theory.statements import (
    distillation,
    masks,
    p1_ambient,
    p1_consistency,
    p1_experiments,
    p1_kernels,
    p1_sure,
    p1_tweedie,
    p1_uniqueness,
    p2_algorithm_1,
    p2_diffusion,
    p2_feldman,
    p2_heavy_tails,
    p2_memorization,
    p2_separation,
)
from theory.statements.base import Evidence, Findings, NotChecked, Statement

_MODULES: tuple[ModuleType, ...] = (
    p1_tweedie,
    p1_ambient,
    p1_sure,
    p1_kernels,
    p1_consistency,
    p1_uniqueness,
    p1_experiments,
    p2_diffusion,
    p2_memorization,
    p2_algorithm_1,
    p2_feldman,
    p2_heavy_tails,
    p2_separation,
    masks,
    distillation,
)

STATEMENTS: tuple[Statement, ...] = tuple(s for module in _MODULES for s in module.STATEMENTS)
NOT_CHECKED: tuple[NotChecked, ...] = tuple(n for module in _MODULES for n in getattr(module, "NOT_CHECKED", ()))

__all__ = ["NOT_CHECKED", "STATEMENTS", "Evidence", "Findings", "NotChecked", "Statement"]
