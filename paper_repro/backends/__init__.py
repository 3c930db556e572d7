"""What stands behind the names of models and data at each scale."""

from __future__ import annotations

from paper_repro.backends.pretrained import Pretrained
from paper_repro.backends.stand_ins import StandIns
from paper_repro.makers.backend import Backend
from paper_repro.makers.folders import Products
from paper_repro.options import Options

__all__ = ["Backend", "backend_of", "products_of"]


def backend_of(options: Options) -> Backend:
    """The backend of a scale: the only place where a scale decides which it is."""
    if options.scale in ("smoke", "cpu"):
        return StandIns(options, products_of(options))
    return Pretrained(options, products_of(options))


def products_of(options: Options) -> Products:
    """The folders of products of a run."""
    return Products(options.output / "products")
