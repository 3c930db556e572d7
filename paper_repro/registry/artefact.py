"""The description of a table or figure. `paper_repro.scripts` says what makes each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from paper_repro.makers.product import Product
from paper_repro.makers.small_models import StandIn
from paper_repro.planning.needs import Need
from paper_repro.report.results import Caption

P = TypeVar("P", bound=tuple[Product[Any], ...])


@dataclass(frozen=True, kw_only=True)
class Artefact(Caption, Generic[P]):
    """A table or figure of a paper.

    Attributes:
        products: What it is made from.
        stand_ins: The small models that stand for those of `products` at the scales smoke and cpu, if any can.
        surrogates: What stands for what there; none where it is made from small models at every scale.
        judges: Networks that its script looks at generated images with.
    """

    products: P
    stand_ins: tuple[StandIn, ...] = ()
    surrogates: tuple[str, ...] = ()
    judges: tuple[Need, ...] = ()
