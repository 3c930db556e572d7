"""The figures in an audit of `toy`: what they are called, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paper_repro.report.tables import spread

TITLES = {
    "frechet_inception": "FID",
    "frechet_classifier": "FD classifier",
    "frechet_pixels": "FD pixels",
    "frechet_random": "FD random",
    "s90": "S.90 pixels",
    "s95": "S.95 pixels",
    "m13": "m13",
    "p_train": "P_tr",
}


def column(rows: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """One figure of each split; similarities in per cent, as in the paper."""
    return [float(row[key]) * (100 if _is_share(key) else 1) for row in rows]


def entries(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> tuple[str, ...]:
    """Mean ± spread of some figures."""
    return tuple(spread(column(rows, key), 1 if _is_share(key) else 2) for key in keys)


def title_of(key: str) -> str:
    """What a figure is called."""
    if key in TITLES:
        return TITLES[key] + (", %" if _is_share(key) else "")
    return key.replace("_dinov2-p2", " DINOv2, %").replace("s0", "S").replace("_", " ")


def _is_share(key: str) -> bool:
    return key in ("s90", "s95", "m13", "p_train") or key.startswith("s0.")
