"""The interface of a product: what it requires, needs and costs, and how it is made.

Products are frozen descriptions, so that plans and lists need no heavy import; a product is made once, in a folder of
its own, after those that it requires. `Run.make(product: Product[T]) -> T` gives what it makes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from paper_repro.planning.jobs import Job
from paper_repro.planning.needs import Need

if TYPE_CHECKING:
    from paper_repro.makers.backend import Backend
    from paper_repro.makers.run import Run

Data = Literal["ffhq", "laion", "xrays"]
"""The data sets that Stable Diffusion is trained on and attacked with."""
T_co = TypeVar("T_co", covariant=True)


class Product(ABC, Generic[T_co]):
    """Something that artefacts are made of; `T_co` is what it is once it is made."""

    @property
    def requires(self) -> tuple[Product[Any], ...]:
        """What has to be made before it."""
        return ()

    def on(self, data: Data) -> Self:
        """The same of another data set; itself if it has none."""
        return self

    def data_sets(self, backend: Backend) -> list[str]:
        """The data sets of P2 in which it is made, of those that `--blocks` chooses; none if it is of no such set."""
        return []

    @abstractmethod
    def make(self, run: Run) -> T_co:
        """Make it, or take it up.

        Raises:
            ValueError, RuntimeError, OSError: As the commands of `sdxl` and `toy` do, naming what is wrong or missing.
        """

    @abstractmethod
    def cost(self, backend: Backend) -> list[Job]:
        """What making it costs, without what it requires."""

    @abstractmethod
    def needs(self, backend: Backend) -> list[Need]:
        """What it needs from outside at the scales gpu and paper, without what it requires."""


def closure(products: Iterable[Product[Any]]) -> list[Product[Any]]:
    """All products that these need, each once and after what it requires."""
    found: dict[Product[Any], None] = {}

    def add(product: Product[Any]) -> None:
        for part in product.requires:
            add(part)
        found.setdefault(product)

    for product in products:
        add(product)
    return list(found)
