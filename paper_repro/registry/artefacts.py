"""The twenty-one artefacts.

Descriptions only, so that lists and plans need no heavy import; `paper_repro.scripts` says what makes each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paper_repro.registry import p1, p2
from paper_repro.registry.artefact import Artefact

ARTEFACTS: tuple[Artefact[Any], ...] = (
    p1.TABLE1,
    p1.FIGURE1,
    p1.FIGURE2,
    p1.FIGURE3,
    p1.FIGURE4,
    p1.FIGURE5,
    p1.FIGURE6,
    p1.FIGURE7,
    p1.FIGURE8,
    p1.FIGURE9,
    p1.FIGURE10,
    p1.FIGURE11,
    p2.TABLE1,
    p2.TABLE2,
    p2.TABLE3,
    p2.FIGURE1,
    p2.FIGURE2,
    p2.FIGURE3,
    p2.FIGURE4,
    p2.FIGURE5,
    p2.FIGURE6,
)
"""In the papers' order."""


def find(names: Sequence[str]) -> list[Artefact[Any]]:
    """The artefacts of some names, "all" for all, in the registry's order.

    Raises:
        ValueError: Naming what there is none of.
    """
    known = {artefact.name: artefact for artefact in ARTEFACTS}
    for name in names:
        if name != "all" and name not in known:
            raise ValueError(f"there is no artefact {name}; python -m paper_repro list shows them")
    return [a for a in ARTEFACTS if "all" in names or a.name in names]
