"""What a check says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """The answer of one check.

    Attributes:
        holds: Whether what was checked holds; None where the images cannot tell.
        words: The answer as a sentence.
        figures: What it rests on.
    """

    holds: bool | None
    words: str
    figures: Mapping[str, float] = field(default_factory=dict)
