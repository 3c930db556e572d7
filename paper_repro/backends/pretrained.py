"""Scales gpu and paper: SDXL, Stable Diffusion 2 and the papers' data, as the options say where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paper_repro.makers.backend import AnyProduct, Backend, ModelName, NetworkName
from paper_repro.makers.product import Data, Product, closure
from paper_repro.options import BlockName
from paper_repro.planning.needs import Need, in_order
from paper_repro.report.evidence import Evidence
from paper_repro.sizes import blocks
from paper_repro.sizes.blocks import Block
from paper_repro.sizes.sdxl import START_STEPS

if TYPE_CHECKING:
    import torch

    from ambient.metrics.features import FeatureMap
    from sdxl.components import ModelOptions
    from sdxl.masks import MaskOptions
    from sdxl.pairs import Source

_TITLES: dict[Data, str] = {"ffhq": "FFHQ", "laion": "LAION", "xrays": "chest X-rays"}
_FLOPS = 1.2e14
"""FLOP/s of an A100 at an SDXL U-Net."""
_WORK: dict[ModelName, float] = {"sdxl": 6e12, "inpainting": 6e12, "sd2": 0.8e12}
"""FLOP of an evaluation, at 1024x1024, and 512x512 for Stable Diffusion 2."""


class Pretrained(Backend):
    """See the module."""

    collapses = True

    @property
    def download(self) -> bool:
        return self._options.download

    def products(self, asked: Sequence[Product[Any]], stand_ins: Sequence[Product[Any]]) -> list[Product[Any]]:
        return closure(asked)

    def shared(self, product: AnyProduct) -> AnyProduct:
        return product

    def needs(self, asked: Sequence[Product[Any]], judges: Sequence[Need]) -> list[Need]:
        return in_order([*(need for product in closure(asked) for need in product.needs(self)), *judges])

    def evidence(
        self,
        shown: Callable[[], Evidence],
        on_digits: Callable[[], Evidence] | None,
        surrogates: tuple[str, ...],
    ) -> Evidence:
        return shown()

    def blocks(self, wanted: Sequence[BlockName]) -> list[Block]:
        chosen = self._options.blocks
        return [blocks.real(name, self._options) for name in wanted if not chosen or name in chosen]

    def seconds(self, model: ModelName) -> float:
        share = 1.0 if model == "sd2" else (self.sizes.resolution / 1024) ** 2
        return share * _WORK[model] / _FLOPS

    def source(self, data: Data) -> tuple[Source, str]:
        from sdxl.pairs import Source

        caption = "" if data == "ffhq" else None
        source = Source(str(self._options.place_of(data)), caption=caption, without_caption="skip")
        if self.sizes.images is not None:
            from paper_repro.makers.pairs import first_pairs

            folder = first_pairs(self._products, source, self.sizes.images)
            source = Source(str(folder), caption=caption, without_caption="skip")
        return source, _TITLES[data]

    def model(self, name: ModelName) -> ModelOptions:
        from sdxl.components import ModelOptions

        return ModelOptions(self.title(name), download=self.download)

    def title(self, name: ModelName) -> str:
        options = self._options
        return {"sdxl": options.sdxl, "inpainting": options.inpainting, "sd2": options.sd2}[name]

    def network(self, name: NetworkName) -> str:
        options = self._options
        return {"dinov2": options.dinov2, "clip": options.clip, "detector": options.detector}[name]

    def inception(self) -> Path:
        if self._options.inception is not None:
            return self._options.inception
        import torch

        from ambient.metrics.pretrained import Inception
        from ambient.metrics.pretrained.inception import INCEPTION_URL

        hub = Path(torch.hub.get_dir())
        Inception.download(hub)
        return hub / INCEPTION_URL.rsplit("/", 1)[1]

    def judge(self, device: torch.device) -> FeatureMap:
        from ambient.metrics.pretrained import Inception

        return Inception.load(self.inception(), device=device)

    def masks(self) -> MaskOptions:
        from sdxl.masks import MaskOptions

        return MaskOptions(detector=self.network("detector"))

    def resolution(self, model: ModelName) -> int | None:
        return None if model == "sd2" else self.sizes.resolution

    def start(self, lora: Path) -> Path:
        # P1's models with consistency start where those without stand after 150,000 of their 200,000 updates.
        return lora / f"checkpoint-{START_STEPS}" if self._options.scale == "paper" else lora
