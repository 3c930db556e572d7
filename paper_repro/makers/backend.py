"""The interface of what stands behind the names of models and data: `paper_repro.backends` has the two of them.

    pretrained   scales gpu and paper: SDXL, Stable Diffusion 2 and the papers' data, as the options say where they are
    stand-ins    scales smoke and cpu: the same pipelines with random weights on digits, which run everything and can
                 show nothing; small models on digits carry the claims

A run chooses one of them once. Makers and artefacts ask it, and do not know which it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from paper_repro.makers.folders import Products
from paper_repro.options import BlockName, Options
from paper_repro.planning.needs import Need
from paper_repro.report.evidence import Evidence
from paper_repro.sizes.blocks import Block, digits
from paper_repro.sizes.sdxl import SdxlSizes, sdxl_sizes

if TYPE_CHECKING:
    import torch

    from ambient.metrics.features import FeatureMap
    from paper_repro.makers.product import Data, Product
    from sdxl.components import ModelOptions
    from sdxl.masks import MaskOptions
    from sdxl.pairs import Source

ModelName = Literal["sdxl", "inpainting", "sd2"]
NetworkName = Literal["dinov2", "clip", "detector"]
AnyProduct = TypeVar("AnyProduct", bound="Product[Any]")


class Backend(ABC):
    """What stands behind the names of models and data at the scale of a run.

    Args:
        options: Of the run.
        products: Folders of products.

    Attributes:
        sizes: Of the experiments with Stable Diffusion.
        digits: The embedded digits, with the sizes of the small models on them.
        collapses: Whether a training is worth the watch for collapse.
    """

    collapses: bool

    def __init__(self, options: Options, products: Products) -> None:
        self._options, self._products = options, products
        self.sizes: SdxlSizes = sdxl_sizes(options.scale, options.p1_recipe)
        self.digits: Block = digits(options.scale, options.seeds)

    @property
    @abstractmethod
    def download(self) -> bool:
        """Whether weights that are not on this machine are fetched."""

    @abstractmethod
    def products(self, asked: Sequence[Product[Any]], stand_ins: Sequence[Product[Any]]) -> list[Product[Any]]:
        """Everything that has to be made for an artefact, in order of dependence.

        Args:
            asked: What the paper's artefact is made of.
            stand_ins: Small models that may stand for the models in it.
        """

    @abstractmethod
    def shared(self, product: AnyProduct) -> AnyProduct:
        """The product that is made in place of one: where one data set stands for all, models of all are the same."""

    @abstractmethod
    def needs(self, asked: Sequence[Product[Any]], judges: Sequence[Need]) -> list[Need]:
        """What an artefact needs from outside, data first.

        Args:
            asked: What it is made of.
            judges: Networks that its script looks at images with.
        """

    @abstractmethod
    def evidence(
        self,
        shown: Callable[[], Evidence],
        on_digits: Callable[[], Evidence] | None,
        surrogates: tuple[str, ...],
    ) -> Evidence:
        """What an artefact shows, and what decides its claim.

        Args:
            shown: Makes what the models of the artefact's products show.
            on_digits: Makes what the small models show that may stand for them; None if none do.
            surrogates: What stands for what in both; none if the artefact is not about Stable Diffusion.
        """

    @abstractmethod
    def blocks(self, wanted: Sequence[BlockName]) -> list[Block]:
        """The data sets of P2 in which the `wanted` ones of the paper are made; those of `--blocks` only."""

    @abstractmethod
    def seconds(self, model: ModelName) -> float:
        """Of one evaluation of a model's U-Net for one image, on an A100."""

    @abstractmethod
    def source(self, data: Data) -> tuple[Source, str]:
        """Where the images of a data set are, and what they are called in tables."""

    @abstractmethod
    def model(self, name: ModelName) -> ModelOptions:
        """A pipeline."""

    @abstractmethod
    def title(self, name: ModelName) -> str:
        """What a pipeline is called in tables."""

    @abstractmethod
    def network(self, name: NetworkName) -> str:
        """The folder or Hugging Face id of a network that looks at images."""

    @abstractmethod
    def inception(self) -> Path | None:
        """Inception's file, fetched if that is allowed; None where another network stands for it.

        Raises:
            PretrainedError: If it cannot be had.
        """

    @abstractmethod
    def judge(self, device: torch.device) -> FeatureMap:
        """The network whose features Fréchet distances are taken on."""

    @abstractmethod
    def masks(self) -> MaskOptions:
        """What is hidden in the attack by masks."""

    @abstractmethod
    def resolution(self, model: ModelName) -> int | None:
        """Side of a model's images; None for the model's own."""

    @abstractmethod
    def start(self, lora: Path) -> Path:
        """Of a model without consistency, in its folder, the state that one with it starts from."""
