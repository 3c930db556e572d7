"""One run of `python -m paper_repro`: where it keeps products, what it makes them on, and which it has made."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from paper_repro.makers.backend import Backend
from paper_repro.makers.folders import Products
from paper_repro.makers.product import Product
from paper_repro.sizes.sdxl import SdxlSizes

if TYPE_CHECKING:
    from accelerate import Accelerator
    from rich.console import Console

    from paper_repro.makers.adopted import Adopted

T = TypeVar("T")


@dataclass(eq=False)
class Run:
    """One run.

    Attributes:
        backend: What stands behind the names of models and data.
        products: Folders of what artefacts share.
        device: "cpu", "cuda" or "cuda:N"; there and free to use.
        console: Where it prints.
        processes: Small models trained at a time.
        only_made: Whether small models that are not there are left out instead of trained.
        adopted: Folders of toy/run.py whose models may be used.
    """

    backend: Backend
    products: Products
    device: str
    console: Console
    processes: int = 1
    only_made: bool = False
    adopted: tuple[Adopted, ...] = ()
    _made: dict[Product[Any], Any] = field(default_factory=dict)

    def make(self, product: Product[T]) -> T:
        """A product, made, or taken up if it is there. Raises as `Product.make`."""
        wanted = self.backend.shared(product)
        if wanted not in self._made:
            self._made[wanted] = wanted.make(self)
        made: T = self._made[wanted]
        return made

    @property
    def sizes(self) -> SdxlSizes:
        """Sizes of the experiments with Stable Diffusion."""
        return self.backend.sizes

    @property
    def on_cpu(self) -> bool:
        """Whether no GPU is to be used."""
        return self.device == "cpu"

    @cached_property
    def accelerator(self) -> Accelerator:
        """The device, for commands of `sdxl`."""
        from accelerate import Accelerator

        return Accelerator(cpu=self.on_cpu)


def check_device(device: str) -> None:
    """Make `device` the one that is used.

    Raises:
        ValueError: If this machine has no such device.
    """
    if device == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        raise ValueError(f"--device {device}: PyTorch finds no CUDA GPU on this machine; use cpu")
    number = int(device.partition(":")[2] or 0)
    if number >= torch.cuda.device_count():
        raise ValueError(f"--device {device}: this machine has {torch.cuda.device_count()} CUDA GPU(s), from cuda:0")
    torch.cuda.set_device(number)
